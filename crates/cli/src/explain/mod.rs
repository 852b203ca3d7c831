//! `rollmark explain`: the story of a recording or of a capture, message by message: what each is, what rollmark made of it,
//! which clause is behind that, and what is odd about it.

mod capture;
mod clause;
mod follow;
mod message;
mod packet;
mod recorded;
mod story;
mod stream;
#[cfg(test)]
mod tests;
mod traced;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use clap::{Args, ValueHint};
use rollmark::record::Reader;

use crate::fault::Fault;
use story::Teller;
use traced::Trace;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A recording (made with --record) or a capture (pcap or pcapng)
    #[arg(value_name = "RECORDING|PCAP", value_hint = ValueHint::FilePath)]
    pub(crate) trace: PathBuf,
    /// Tell of this conference alone
    #[arg(long, value_name = "URI")]
    pub(crate) conference: Option<String>,
    /// One JSON object a message on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command: what is whole is told; one line says where the rest is missing, and then it has failed.
pub(crate) fn run(args: &Explain) -> Result<(), Fault> {
    let fault = |error: String| Fault::Recording {
        path: args.trace.clone(),
        done: "explained to its end",
        error,
    };
    let mut file = File::open(&args.trace).map_err(|error| fault(error.to_string()))?;
    let mut first = [0; 4];
    let mut count = 0;
    while count < first.len() {
        match file.read(&mut first[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) => return Err(fault(error.to_string())),
        }
    }
    let source = BufReader::new(first[..count].chain(file));
    let mut teller = Teller::new(args.json, args.conference.as_deref());
    let told = if capture::is_capture(&first[..count]) {
        let mut trace = Trace::new(|entry| teller.tell(&entry));
        let read = trace.read(source).map_err(|error| fault(error.to_string()));
        let (others, short) = (trace.others, trace.short);
        drop(trace);
        teller.summary.others = others;
        teller.summary.short = short;
        read
    } else {
        match Reader::new(source) {
            Ok(reader) => recorded::read(reader, |entry| teller.tell(&entry))
                .map_err(|error| fault(error.to_string())),
            Err(rollmark::record::Fault::NoRecording) => {
                return Err(fault(capture::Fault::NoCapture.to_string()));
            }
            Err(error) => return Err(fault(error.to_string())),
        }
    };
    if told.is_ok() || teller.summary.messages > 0 {
        teller.end();
    }
    told
}
