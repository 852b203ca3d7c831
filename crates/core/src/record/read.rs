//! A recording read back: its faults by line, and the run played again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::block::Block;
use super::engine_line::describe_engine;
use super::fields::Fields;
use super::input::Input;
use super::{FIRST_LINE, INDENT, RecordedAccount, Returned};
use crate::account::AccountSettings;
use crate::engine::{Engine, Event};
use crate::host::{Action, Capabilities};

/// What is wrong with a recording. Lines are counted from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first line is another one.
    #[error("line 1: this is no recording; one begins with \"rollmark-recording 1\"")]
    NoRecording,
    /// A recording of another version.
    #[error("line 1: a recording of version {version:?}; this program reads version 1")]
    Version {
        /// As written.
        version: String,
    },
    /// A line that is not built like one.
    #[error("line {line}: cannot be read; is it damaged?")]
    Syntax {
        /// Which.
        line: usize,
    },
    /// The second line does not say what engine it was.
    #[error("line {line}: `engine` has to come first, and once")]
    Engine {
        /// Which.
        line: usize,
    },
    /// An input that this version does not know.
    #[error("line {line}: no input is called {kind:?}; is the recording of a newer version?")]
    UnknownInput {
        /// Which.
        line: usize,
        /// As written.
        kind: String,
    },
    /// A field that this version does not know.
    #[error("line {line}: no field is called {field:?} here; is the recording of a newer version?")]
    UnknownField {
        /// Which.
        line: usize,
        /// As written.
        field: String,
    },
    /// A field that has to be there.
    #[error("line {line}: the field {field:?} is missing")]
    MissingField {
        /// Which.
        line: usize,
        /// Its name.
        field: &'static str,
    },
    /// A value that cannot be one of its field.
    #[error("line {line}: {value:?} is no value of {field:?}")]
    BadValue {
        /// Which.
        line: usize,
        /// Its name.
        field: &'static str,
        /// As written.
        value: String,
    },
    /// The last line is missing, or counts more inputs: the file was cut off, or the run was.
    #[error(
        "the recording is cut off after {inputs} inputs: its last line is missing or counts others"
    )]
    CutOff {
        /// What was read.
        inputs: usize,
    },
}

/// A run that can be played again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What the host could do.
    pub capabilities: Capabilities,
    /// The engine's randomness.
    pub seed: [u8; 32],
    /// What went in, in order.
    pub inputs: Vec<Input>,
}

/// One input of a run that is played again, and what followed.
#[derive(Clone, Debug)]
pub struct Step<'r> {
    /// What went in.
    pub input: &'r Input,
    /// What it gave back.
    pub returned: Returned,
    /// What the host was to do.
    pub actions: Vec<Action>,
    /// What the user was told.
    pub events: Vec<Event>,
    /// When the engine wanted to be woken next.
    pub timeout: Option<Duration>,
}

impl Recording {
    /// Reads a recording that is whole.
    ///
    /// # Errors
    /// The first fault.
    pub fn read(text: &str) -> Result<Self, Fault> {
        match Self::read_part(text)? {
            (recording, None) => Ok(recording),
            (_, Some(fault)) => Err(fault),
        }
    }

    /// Reads as far as it can be read: of a run that broke off, what there is. The fault says why it ends there.
    ///
    /// # Errors
    /// When not even the engine can be read.
    pub fn read_part(text: &str) -> Result<(Self, Option<Fault>), Fault> {
        let mut lines = (1..).zip(whole_lines(text).lines());
        match lines.next() {
            Some((_, FIRST_LINE)) => {}
            Some((_, line)) => {
                return Err(match line.strip_prefix("rollmark-recording ") {
                    Some(version) => Fault::Version {
                        version: version.to_string(),
                    },
                    None => Fault::NoRecording,
                });
            }
            None => return Err(Fault::NoRecording),
        }
        let mut lines = lines.filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
        let Some((line, text)) = lines.next() else {
            return Err(Fault::CutOff { inputs: 0 });
        };
        let fields = text.strip_prefix("engine ").ok_or(Fault::Engine { line })?;
        let mut recording = Self {
            capabilities: Capabilities::TRANSACTION,
            seed: [0; 32],
            inputs: Vec::new(),
        };
        let mut fields = Fields::to_read(line, fields)?;
        describe_engine(
            &mut recording.capabilities,
            &mut recording.seed,
            &mut fields,
        )?;
        fields.finish()?;
        let fault = recording.read_inputs(lines.peekable()).err();
        Ok((recording, fault))
    }

    fn read_inputs<'t>(
        &mut self,
        mut lines: core::iter::Peekable<impl Iterator<Item = (usize, &'t str)>>,
    ) -> Result<(), Fault> {
        while let Some((line, text)) = lines.next() {
            let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
            if kind == "end" {
                let mut fields = Fields::to_read(line, rest)?;
                let mut inputs = 0usize;
                fields.value("inputs", &mut inputs)?;
                fields.finish()?;
                if inputs != self.inputs.len() {
                    break;
                }
                return match lines.next() {
                    Some((line, _)) => Err(Fault::Syntax { line }),
                    None => Ok(()),
                };
            }
            if kind == "engine" {
                return Err(Fault::Engine { line });
            }
            if kind.is_empty() {
                return Err(Fault::Syntax { line });
            }
            let mut input = Input::blank(kind).ok_or_else(|| Fault::UnknownInput {
                line,
                kind: kind.to_string(),
            })?;
            let mut below = Vec::new();
            while let Some((line, text)) = lines.next_if(|(_, text)| text.starts_with(INDENT)) {
                let text = text.strip_prefix(INDENT).unwrap_or(text);
                below.push((line, text.to_string()));
            }
            let mut block = Block::to_read(Fields::to_read(line, rest)?, below);
            input.describe(&mut block)?;
            block.finish()?;
            self.inputs.push(input);
        }
        Err(Fault::CutOff {
            inputs: self.inputs.len(),
        })
    }

    /// Plays it again with a new engine. `settings` completes each recorded account; [`RecordedAccount::settings`] does,
    /// where the profile was the plain one and no password matters.
    pub fn replay<'r>(
        &'r self,
        mut settings: impl FnMut(&RecordedAccount) -> AccountSettings + 'r,
    ) -> impl Iterator<Item = Step<'r>> + 'r {
        let mut engine = Engine::new(self.capabilities, self.seed);
        self.inputs.iter().map(move |input| {
            let returned = input.apply(&mut engine, &mut settings);
            Step {
                input,
                returned,
                actions: core::iter::from_fn(|| engine.poll_action()).collect(),
                events: core::iter::from_fn(|| engine.poll_event()).collect(),
                timeout: engine.poll_timeout(),
            }
        })
    }
}

/// The text without a last line that was cut off, nor the input that this line belonged to.
fn whole_lines(text: &str) -> &str {
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    let (mut kept, cut) = text.split_at(end);
    if cut.starts_with(' ') {
        while let Some(line) = kept.lines().next_back() {
            kept = kept.get(..kept.len() - line.len() - 1).unwrap_or_default();
            if !line.starts_with(INDENT) && !line.starts_with('#') {
                break;
            }
        }
    }
    kept
}
