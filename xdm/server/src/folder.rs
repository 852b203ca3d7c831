//! Documents in a folder: one file each, written whole or not at all, for the user of the server only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::address::{Owner, Selector};
use crate::percent::decode;

/// Longest name of a file, in octets, as usual systems have it; a longer name of a user or a document cannot be stored.
pub const MAX_FILE_NAME: usize = 255;

#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// A document as it lies there.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) selector: Selector,
    pub(crate) path: PathBuf,
    /// Nanoseconds since 1970.
    pub(crate) changed: u64,
    pub(crate) body: Vec<u8>,
}

impl Folder {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        directory(root)?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Every document, none of them longer than `limit`. Files that are no documents (a dot first, as those being written) are passed over.
    pub(crate) fn documents(&self, limit: usize) -> io::Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for (auid, below) in entries(&self.root)? {
            for (tree, below) in entries(&below)? {
                match tree.as_str() {
                    "global" => load(&mut stored, &auid, &Owner::Global, &below, limit)?,
                    "users" => {
                        for (xui, below) in entries(&below)? {
                            load(&mut stored, &auid, &Owner::User(xui), &below, limit)?;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(stored)
    }

    /// Writes a document with this time of change.
    pub(crate) fn write(&self, selector: &Selector, body: &[u8], changed: u64) -> io::Result<()> {
        let path = self.path(selector)?;
        let parent = path.parent().unwrap_or(&self.root);
        directory(parent)?;
        let written = parent.join(format!(".{changed:x}.writing"));
        let result = write(&written, body, changed).and_then(|()| fs::rename(&written, &path));
        if result.is_err() {
            // What could not be finished is of no use.
            let _ = fs::remove_file(&written);
        }
        result
    }

    pub(crate) fn delete(&self, selector: &Selector) -> io::Result<()> {
        fs::remove_file(self.path(selector)?)
    }

    /// Where a document lies. Every part becomes one name: nothing leads out of the folder.
    fn path(&self, selector: &Selector) -> io::Result<PathBuf> {
        let mut path = self.root.join(file_name(&selector.auid)?);
        match &selector.owner {
            Owner::User(xui) => {
                path.push("users");
                path.push(file_name(xui)?);
            }
            Owner::Global => path.push("global"),
        }
        path.push(file_name(&selector.document)?);
        Ok(path)
    }
}

/// A name without separators and without a dot first.
fn file_name(part: &str) -> io::Result<String> {
    let mut name = String::with_capacity(part.len());
    for (at, byte) in part.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@' | b'+' | b'=' | b',');
        if plain || byte == b'.' && at > 0 {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    match name.len() {
        1..=MAX_FILE_NAME => Ok(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            "the name is empty or too long",
        )),
    }
}

fn entries(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir()
            && let Some(name) = name.to_str().and_then(decode)
        {
            entries.push((name, entry.path()));
        }
    }
    Ok(entries)
}

fn load(
    stored: &mut Vec<Stored>,
    auid: &str,
    owner: &Owner,
    directory: &Path,
    limit: usize,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let Some(document) =
            decode(name).filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file()))
        else {
            continue;
        };
        let path = entry.path();
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let metadata = entry.metadata().map_err(named)?;
        if usize::try_from(metadata.len()).map_or(true, |length| length > limit) {
            return Err(named(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "longer than a document may be",
            )));
        }
        let changed = metadata
            .modified()?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        stored.push(Stored {
            selector: Selector {
                auid: auid.to_owned(),
                owner: owner.clone(),
                document,
            },
            changed: u64::try_from(changed.as_nanos()).unwrap_or(u64::MAX),
            body: fs::read(&path).map_err(named)?,
            path,
        });
    }
    Ok(())
}

fn write(path: &Path, body: &[u8], changed: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    file.write_all(body)?;
    file.set_modified(UNIX_EPOCH + Duration::from_nanos(changed))?;
    file.sync_all()
}

fn directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No name leads out of the folder, and each comes back as it was.
    #[test]
    fn a_name_is_one_name() {
        for part in [
            "..",
            ".",
            "../../etc/passwd",
            "a/b",
            "sip:a@h;user=phone",
            ".hidden",
            "a.b",
            "\u{e9}",
            "C:\\x",
            "\0",
            "%2e",
        ] {
            let name = file_name(part).unwrap();
            assert!(
                !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']),
                "{name}"
            );
            assert_eq!(decode(&name).as_deref(), Some(part));
        }
        assert!(file_name("").is_err());
        assert!(file_name(&"a".repeat(MAX_FILE_NAME)).is_ok());
        assert!(file_name(&"a".repeat(MAX_FILE_NAME + 1)).is_err());
    }
}
