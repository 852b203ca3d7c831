//! The block-list file: read, changed, replaced in one go, for the user only (SEC-14).

use std::io::{self, Read};
use std::path::Path;

use super::document::{NoPlan, Plan, plan};
use super::{Change, EditError, Edited, canonical_entry, lines};
use crate::document::{DocumentError, MAX_DOCUMENT};
use crate::file::FileError;
use crate::private_file;

/// Puts a user on the list in a file, or takes him off. `own_xui` is the user whose list it is, for references in a
/// resource-lists document. A missing file is made where somebody is to be blocked. All else in the file stays as it is;
/// afterwards only the user can read it.
///
/// # Errors
/// [`EditError`]; the file is then as it was.
pub fn edit_file(
    path: &Path,
    change: Change,
    uri: &str,
    own_xui: Option<&str>,
) -> Result<Edited, EditError> {
    let entry = canonical_entry(uri)?;
    let io = |doing| {
        move |source| EditError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let content = |source| EditError::Content {
        path: path.to_owned(),
        source,
    };
    let octets = read(path).map_err(io("read"))?;
    if octets.len() > MAX_DOCUMENT {
        return Err(content(FileError::TooLarge));
    }
    let bare = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&octets);
    let (text, edited) = if bare.trim_ascii_start().starts_with(b"<") {
        let planned = plan(&octets, change, &entry, own_xui).map_err(|no| match no {
            NoPlan::Refused(refused) => refused,
            NoPlan::Unreadable(DocumentError::Root { found, .. })
                if found == format!("{{{}}}ruleset", crate::rules::NAMESPACE) =>
            {
                EditError::Rules {
                    place: path.display().to_string(),
                }
            }
            NoPlan::Unreadable(DocumentError::Root { found, .. }) => {
                content(FileError::UnsupportedDocument { root: found })
            }
            NoPlan::Unreadable(error) => content(FileError::Document(error)),
        })?;
        let (plan, edited) = planned;
        (plan.map(|Plan { text, .. }| text), edited)
    } else {
        let text = std::str::from_utf8(&octets).map_err(|error| {
            let before = octets.iter().take(error.valid_up_to());
            let line = 1 + before.filter(|&&octet| octet == b'\n').count();
            content(FileError::NotUtf8 { line })
        })?;
        lines::edit(text, change, &entry)
    };
    if let Some(text) = text {
        if text.len() > MAX_DOCUMENT {
            return Err(EditError::TooLarge);
        }
        private_file::replace(path, text.as_bytes()).map_err(io("written"))?;
    }
    Ok(edited)
}

/// The content of a file, as far as it can be used; none of a file that is missing.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => {
            file.take(MAX_DOCUMENT as u64 + 1)
                .read_to_end(&mut octets)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(octets)
}
