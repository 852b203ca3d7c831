//! Copies of what an XDMS sent, with their entity tags, in memory and on disk (XDM-20, XDM-21, XDM-81, SEC-14, SW-08).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::document::MAX_DOCUMENT;
use crate::private_file;
use crate::resource_lists::{MAX_FETCHED, MAX_FETCHES};

/// First line of a cache file.
const FORMAT: &str = "rollmark block list 1";
/// Largest cache file that is read: a document, the nodes it refers to, and their heads.
const MAX_FILE: u64 = (MAX_DOCUMENT + MAX_FETCHED + (MAX_FETCHES + 1) * 16 * 1024) as u64;

/// A document or node as it came.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) etag: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Shows no content (SEC-14).
impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy")
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A document, the nodes of others that it refers to, and when they were last known to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copies {
    pub(super) url: String,
    pub(super) document: Copy,
    pub(super) nodes: BTreeMap<String, Copy>,
    pub(super) at: SystemTime,
}

impl Copies {
    /// How long ago.
    pub(super) fn age(&self) -> Duration {
        self.at.elapsed().unwrap_or_default()
    }
}

/// Where a source keeps its copies between runs: one file, for the user only.
#[derive(Clone, Debug)]
pub(super) struct CacheFile {
    path: PathBuf,
    xui: String,
}

impl CacheFile {
    pub(super) fn new(directory: &Path, auid: &str, xui: &str) -> Self {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        };
        let name: String = auid.chars().map(plain).collect();
        Self {
            path: directory.join(format!("{name}.cache")),
            xui: xui.to_owned(),
        }
    }

    /// What was kept. A file of another user is removed, and so is one that cannot be read (SW-08).
    pub(super) fn load(&self) -> Option<Copies> {
        let file = fs::File::open(&self.path).ok()?;
        let mut octets = Vec::new();
        let read = file.take(MAX_FILE + 1).read_to_end(&mut octets);
        let copies = match read {
            Ok(length) if length as u64 <= MAX_FILE => self.parse(&octets),
            _ => None,
        };
        if copies.is_none() {
            self.remove();
        }
        copies
    }

    /// Keeps the copies, or nothing if there are none to keep.
    pub(super) fn store(&self, copies: Option<&Copies>) {
        let Some(copies) = copies else {
            self.remove();
            return;
        };
        let made = match self.path.parent() {
            Some(directory) => private_file::create_directory(directory),
            None => Ok(()),
        };
        let stored = made.and_then(|()| private_file::replace(&self.path, &self.write(copies)));
        if let Err(error) = stored {
            tracing::warn!(file = %self.path.display(), %error, "the block list is not kept for the next start");
        }
    }

    pub(super) fn remove(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %self.path.display(), %error, "an old copy of a block list cannot be removed");
            }
            _ => {}
        }
    }

    fn write(&self, copies: &Copies) -> Vec<u8> {
        let at = copies.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut octets = format!("{FORMAT}\n{}\n{}\n", line(&self.xui), at.as_secs()).into_bytes();
        let document = [(&copies.url, &copies.document)];
        for (url, copy) in document.into_iter().chain(&copies.nodes) {
            let etag = match &copy.etag {
                Some(etag) => format!("={}", line(etag)),
                None => "-".into(),
            };
            let head = format!("{}\n{etag}\n{}\n", line(url), copy.body.len());
            octets.extend_from_slice(head.as_bytes());
            octets.extend_from_slice(&copy.body);
            octets.push(b'\n');
        }
        octets
    }

    fn parse(&self, octets: &[u8]) -> Option<Copies> {
        let mut rest = octets;
        let mut next = || -> Option<&str> {
            let end = rest.iter().position(|&octet| octet == b'\n')?;
            let (line, behind) = rest.split_at_checked(end)?;
            rest = behind.get(1..)?;
            std::str::from_utf8(line).ok()
        };
        if next()? != FORMAT || next()? != line(&self.xui) {
            return None;
        }
        let at = UNIX_EPOCH.checked_add(Duration::from_secs(next()?.parse().ok()?))?;
        let mut copies = Vec::new();
        while !rest.is_empty() {
            let mut next = || -> Option<String> {
                let end = rest.iter().position(|&octet| octet == b'\n')?;
                let (line, behind) = rest.split_at_checked(end)?;
                rest = behind.get(1..)?;
                String::from_utf8(line.to_vec()).ok()
            };
            let (url, etag, length) = (next()?, next()?, next()?);
            let etag = match etag.strip_prefix('=') {
                Some(etag) => Some(unline(etag)?),
                None => None,
            };
            let (body, behind) = rest.split_at_checked(length.parse().ok()?)?;
            rest = behind.strip_prefix(b"\n")?;
            let body = body.to_vec();
            copies.push((unline(&url)?, Copy { etag, body }));
        }
        let mut copies = copies.into_iter();
        let (url, document) = copies.next()?;
        Some(Copies {
            url,
            document,
            nodes: copies.collect(),
            at,
        })
    }
}

/// A text that takes one line.
fn line(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\n', "%0A")
        .replace('\r', "%0D")
}

fn unline(text: &str) -> Option<String> {
    crate::selector::unescape(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies() -> Copies {
        let copy = |etag: Option<&str>, body: &[u8]| Copy {
            etag: etag.map(str::to_owned),
            body: body.to_vec(),
        };
        Copies {
            url: "https://x/resource-lists/users/sip:a%25b@x/index".into(),
            document: copy(Some("W/\"%\n\""), b"<a>\n</a>\n\xff"),
            nodes: [
                ("https://x/1".to_owned(), copy(None, b"")),
                ("https://x/2".to_owned(), copy(Some(""), b"\n\n")),
            ]
            .into(),
            at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        }
    }

    fn directory(name: &str) -> PathBuf {
        let name = format!("rollmark-cache-{name}-{}", std::process::id());
        std::env::temp_dir().join(name)
    }

    /// XDM-21, SEC-14, SW-08.
    #[test]
    fn copies_are_kept_octet_by_octet_for_one_user_only() {
        let directory = directory("kept");
        let mine = CacheFile::new(&directory, "resource-lists", "sip:a@x");
        assert_eq!(mine.load(), None);
        mine.store(Some(&copies()));
        assert_eq!(mine.load(), Some(copies()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&mine.path), 0o600);
            assert_eq!(mode(&directory), 0o700);
        }
        // Another user finds nothing, and nothing is left of the first.
        let other = CacheFile::new(&directory, "resource-lists", "sip:b@x");
        assert_eq!(other.load(), None);
        assert_eq!(mine.load(), None);
        mine.store(Some(&copies()));
        mine.store(None);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir(&directory).unwrap();
    }

    /// SEC-07: a cache file that was tampered with or cut off is no list.
    #[test]
    fn a_file_that_is_cut_off_or_of_another_kind_is_removed() {
        let directory = directory("cut");
        let file = CacheFile::new(&directory, "a/../b", "sip:a@x");
        let whole = file.write(&copies());
        for end in 0..whole.len() {
            let cut = file.parse(&whole[..end]);
            assert!(cut.as_ref() != Some(&copies()), "{end}");
        }
        file.store(Some(&copies()));
        fs::write(
            &file.path,
            b"rollmark block list 1\nsip:a@x\n0\nu\n-\n99999999999\n",
        )
        .unwrap();
        assert_eq!(file.load(), None);
        assert!(!file.path.exists());
        fs::remove_dir(&directory).unwrap();
    }
}
