//! The AKA file (`k = HEX`, `opc = HEX`), and the sequence number kept beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;

use super::Sim;

/// Why an AKA file or its sequence number cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AkaFileError {
    /// It cannot be read.
    #[error("the AKA file {path} cannot be read: {error}; give a file with the lines k = HEX and opc = HEX", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line is no `name = value` with a known name.
    #[error("line {line} of the AKA file {path} is not understood; it may hold k = HEX, opc = HEX and comments with #", path = .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A key is not 32 hex digits.
    #[error("{name} on line {line} of the AKA file {path} is not 32 hex digits", path = .path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// `k` or `opc`.
        name: &'static str,
    },
    /// A key is missing.
    #[error("the AKA file {path} has no line {name} = HEX", path = .path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// `k` or `opc`.
        name: &'static str,
    },
    /// The sequence number is there but cannot be read: taking it for 0 would accept old challenges again.
    #[error("the sequence number in {path} cannot be read; it must be 12 hex digits, or the file removed to begin anew", path = .path.display())]
    Sequence {
        /// Which file.
        path: PathBuf,
    },
    /// The sequence number cannot be written: the answer must not be sent, or the challenge could be replayed.
    #[error("the sequence number cannot be kept in {path}: {error}; make its folder writable", path = .path.display())]
    Keep {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// An AKA file that was read.
#[derive(Clone, Debug)]
pub struct AkaFile {
    /// The keys.
    pub sim: Sim,
    /// The sequence number accepted last; 0 for none.
    pub sqn: u64,
    sequence: PathBuf,
}

impl AkaFile {
    /// Reads the keys, and the sequence number from the file beside it: the same name with `.sqn` after it.
    ///
    /// # Errors
    /// When either cannot be read.
    pub fn open(path: &Path) -> Result<Self, AkaFileError> {
        let text = fs::read_to_string(path).map_err(|error| AkaFileError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        let (mut k, mut opc) = (None, None);
        for (number, line) in text.lines().enumerate() {
            let line_number = number + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = || AkaFileError::Line {
                path: path.to_owned(),
                line: line_number,
            };
            let (name, value) = line.split_once('=').ok_or_else(fault)?;
            let (name, slot) = match name.trim() {
                n if n.eq_ignore_ascii_case("k") => ("k", &mut k),
                n if n.eq_ignore_ascii_case("opc") => ("opc", &mut opc),
                _ => return Err(fault()),
            };
            let key = HEXLOWER_PERMISSIVE.decode(value.trim().as_bytes()).ok();
            let key = key.and_then(|octets| <[u8; 16]>::try_from(octets).ok());
            *slot = Some(key.ok_or_else(|| AkaFileError::Key {
                path: path.to_owned(),
                line: line_number,
                name,
            })?);
        }
        let missing = |name| AkaFileError::Missing {
            path: path.to_owned(),
            name,
        };
        let sim = Sim::new(
            k.ok_or_else(|| missing("k"))?,
            opc.ok_or_else(|| missing("opc"))?,
        );
        let mut sequence = path.as_os_str().to_owned();
        sequence.push(".sqn");
        let sequence = PathBuf::from(sequence);
        Ok(Self {
            sim,
            sqn: read_sequence(&sequence)?,
            sequence,
        })
    }

    /// Keeps a sequence number: written to a new file that only the user may read, then put in place of the old one, so
    /// that a crash leaves one or the other, whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, sqn: u64) -> Result<(), AkaFileError> {
        let fresh = self
            .sequence
            .with_extension(format!("sqn.{}", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            writeln!(file, "{sqn:012x}")?;
            file.sync_all()?;
            fs::rename(&fresh, &self.sequence)?;
            // The new name lasts through a power cut only if the folder is written too.
            let folder = self.sequence.parent().filter(|p| !p.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&fresh);
            AkaFileError::Keep {
                path: self.sequence.clone(),
                error,
            }
        })
    }
}

fn read_sequence(path: &Path) -> Result<u64, AkaFileError> {
    let fault = || AkaFileError::Sequence {
        path: path.to_owned(),
    };
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim();
            let hex = text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| u64::from_str_radix(text, 16).ok())
                .flatten()
                .ok_or_else(fault)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(_) => Err(fault()),
    }
}
