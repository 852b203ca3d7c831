//! `--record FILE`: the run of a command as a recording, on a thread of its own, so that a slow disk holds nothing up.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueHint};
use rollmark::Account;
use rollmark::record::{End, Exchange, ExchangeAnswer, Lines, Names, Recorder};
use rollmark_ua::{Settings, StartError, UserAgent};
use rollmark_xdm::Http;
use tokio::sync::oneshot;

use crate::fault::Fault;

/// How long the end of the program waits for the disk.
const DISK_PATIENCE: Duration = Duration::from_secs(5);

/// What is to be recorded.
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// Record the run into this file: messages, XCAP exchanges, timers, events, without passwords and with names replaced; `rollmark replay` plays it again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) record: Option<PathBuf>,
    /// Keep users, hosts, numbers, addresses and texts in the recording as they are
    #[arg(long, requires = "record")]
    pub(crate) no_redact: bool,
}

impl Record {
    /// Makes the file, where one is wanted.
    pub(crate) fn start(&self) -> Result<Option<Recording>, Fault> {
        let Some(path) = &self.record else {
            return Ok(None);
        };
        let file = create(path).map_err(|error| Fault::Recording {
            path: path.clone(),
            done: "written",
            error: format!("{error}; name another file"),
        })?;
        let names = match self.no_redact {
            true => Names::Kept,
            false => Names::Replaced,
        };
        let (recorder, lines) = Recorder::new(names);
        let (sender, written) = oneshot::channel();
        let path = path.clone();
        thread::spawn(move || {
            write(lines, file, &path);
            let _ = sender.send(());
        });
        Ok(Some(Recording { recorder, written }))
    }
}

/// A file that only its owner can read: it says who was where.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes until the recording ends or the file fails, which is said and ends nothing else.
fn write(mut lines: Lines, file: File, path: &Path) {
    let mut file = BufWriter::new(file);
    let mut failed = None;
    while let Some(line) = lines.blocking_next() {
        let mut written = writeln!(file, "{line}");
        if written.is_ok() && lines.is_empty() {
            written = file.flush();
        }
        if let Err(error) = written {
            failed = Some(error.to_string());
            break;
        }
    }
    let failed = failed.or_else(|| match lines.end() {
        Some(end @ (End::Behind | End::Full)) => Some(end.to_string()),
        _ => file.flush().err().map(|error| error.to_string()),
    });
    // What is buffered still belongs to a file that fails.
    let _ = file.into_parts();
    if let Some(why) = failed {
        let path = path.display().to_string();
        let path = crate::text::safe(&path);
        crate::show::complain(&format!(
            "the recording {path} ends here: {why}; the rest goes on unrecorded"
        ));
    }
}

/// A recording under way.
pub(crate) struct Recording {
    recorder: Recorder,
    written: oneshot::Receiver<()>,
}

impl Recording {
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Writes the last line, and waits for the disk, but not long.
    pub(crate) async fn end(recording: Option<Self>) {
        if let Some(Self { recorder, written }) = recording {
            recorder.finish();
            let _ = tokio::time::timeout(DISK_PATIENCE, written).await;
        }
    }
}

/// The user agent, its plugin recorded where there is a recorder.
pub(crate) async fn agent(
    settings: Settings,
    account: Account,
    recorder: Option<&Recorder>,
) -> Result<UserAgent, StartError> {
    match recorder {
        Some(recorder) => UserAgent::start_recorded(settings, account, recorder).await,
        None => UserAgent::start(settings, account).await,
    }
}

/// The way to an XDMS, recorded where there is a recorder.
pub(crate) fn observed(http: Http, recorder: Option<&Recorder>) -> Http {
    let Some(recorder) = recorder.cloned() else {
        return http;
    };
    http.observed(move |exchanged| {
        let request = exchanged.request;
        let headers = request.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let fault = exchanged.outcome.err().map(ToString::to_string);
        let answer = match exchanged.outcome {
            Ok(response) => Ok(ExchangeAnswer {
                status: response.status,
                headers: &response.headers,
                body: &response.body,
            }),
            Err(_) => Err(fault.as_deref().unwrap_or_default()),
        };
        recorder.exchange(&Exchange {
            method: request.method,
            url: &request.url,
            headers: &headers,
            answer,
            took: exchanged.took,
        });
    })
}
