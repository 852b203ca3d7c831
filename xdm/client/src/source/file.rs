//! A block-list file as a source: read once, and again when it changes.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rollmark_core::blocklist::{BlockList, Update};
use tokio::time::Instant;

use super::held::Held;
use crate::document::MAX_DOCUMENT;
use crate::file::{self, FileError};
use crate::resource_lists::Options;

/// How often a file is looked at, unless set otherwise.
pub const FILE_POLL: Duration = Duration::from_secs(2);
/// A file changed less than this ago is read again: its next change may bear the same time.
const SETTLED: Duration = Duration::from_secs(2);

/// A block-list file, read as [`file::parse`] says.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    options: Options,
    interval: Duration,
    held: Held,
    /// Of the content last read; none if that failed or may have changed unseen.
    seen: Option<Stamp>,
    due: Option<Instant>,
}

/// What tells one content of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    fn is_settled(&self) -> bool {
        let age = self.modified.and_then(|modified| modified.elapsed().ok());
        age.is_some_and(|age| age > SETTLED)
    }
}

/// Why a file gave no list.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the block list {} cannot be read: {source}; check its name, and that you may read it", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Content { path: PathBuf, source: FileError },
    #[error("the reader of {} was stopped", path.display())]
    Stopped { path: PathBuf },
}

impl FileSource {
    /// A source for one file. `own_xui` is the user's public identity, for references in a resource-lists file;
    /// `interval` is how often the file is looked at, [`FILE_POLL`] for one.
    pub fn new(path: impl Into<PathBuf>, own_xui: Option<String>, interval: Duration) -> Self {
        Self {
            path: path.into(),
            options: Options {
                own_xui,
                nested: false,
            },
            interval,
            held: Held::default(),
            seen: None,
            due: None,
        }
    }

    /// Lists within lists are block lists too, by their name (XDM-43).
    #[must_use]
    pub const fn with_nested(mut self, nested: bool) -> Self {
        self.options.nested = nested;
        self
    }

    /// `file:FILE`.
    pub fn name(&self) -> String {
        format!("file:{}", self.path.display())
    }

    /// Why the file could not be read the last time; none if it could.
    pub fn last_error(&self) -> Option<&str> {
        self.held.last_error()
    }

    /// Waits for news: the first call reads the file at once, later ones return when list or state changed.
    /// A file that cannot be read is unavailable, or stale once it has been read. Cancel-safe.
    pub async fn next(&mut self) -> Update {
        loop {
            if let Some(due) = self.due {
                tokio::time::sleep_until(due).await;
            }
            let (path, options, seen) = (self.path.clone(), self.options.clone(), self.seen);
            let reader = tokio::task::spawn_blocking(move || read(&path, &options, seen));
            let result = reader.await.unwrap_or_else(|_| {
                let path = self.path.clone();
                Err(ReadError::Stopped { path })
            });
            // From here on nothing waits, so that a dropped call leaves no half of an update behind.
            self.due = Some(Instant::now() + self.interval);
            let update = match result {
                Ok(None) => None,
                Ok(Some((list, stamp))) => {
                    self.seen = Some(stamp).filter(Stamp::is_settled);
                    self.held.take(list, None)
                }
                Err(error) => {
                    self.seen = None;
                    let update = self.held.fail(error.to_string());
                    if update.is_some() {
                        tracing::error!(source = %self.name(), "{error}");
                    }
                    update
                }
            };
            if let Some(update) = update {
                return update;
            }
        }
    }
}

/// Reads the file if it is not what was seen last.
fn read(
    path: &Path,
    options: &Options,
    seen: Option<Stamp>,
) -> Result<Option<(BlockList, Stamp)>, ReadError> {
    let io = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let stamp = Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
    };
    if seen == Some(stamp) {
        return Ok(None);
    }
    let mut octets = Vec::new();
    let limit = MAX_DOCUMENT as u64 + 1;
    file.take(limit).read_to_end(&mut octets).map_err(io)?;
    let list = file::parse_with(&octets, options).map_err(|source| ReadError::Content {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some((list, stamp)))
}
