//! `rollmark replay`: a recording played again by its own clock; the event stream of the run.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use rollmark::record::{self, Player, Reader};

use crate::fault::Fault;
use crate::show::Show;

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A file made with `--record`
    #[arg(value_name = "RECORDING", value_hint = ValueHint::FilePath)]
    pub(crate) recording: PathBuf,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command: what is whole is played; one line says where the rest is missing, and then it has failed.
pub(crate) fn run(args: &Replay) -> Result<(), Fault> {
    let fault = |fault: record::Fault| Fault::Recording {
        path: args.recording.clone(),
        done: "played to its end",
        error: fault.to_string(),
    };
    let file = File::open(&args.recording).map_err(|error| fault(error.into()))?;
    let reader = Reader::new(BufReader::new(file)).map_err(fault)?;
    let mut player = Player::new(reader.capabilities, reader.seed);
    // Lines always: a screen would show the last moment of it.
    let (mut show, _) = Show::new(args.json, true, "");
    for line in reader {
        let played = player.play(&line.map_err(fault)?).map_err(fault)?;
        let told = played.told.filter(|told| !told.is_of_documents);
        if let Some(told) = told
            && !show.event(&told.event)
        {
            // The reader of our output has gone.
            break;
        }
    }
    Ok(())
}
