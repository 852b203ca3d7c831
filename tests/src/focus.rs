//! The focus of a conference in the Kamailio lab: publishes its documents step by step.

use std::process::Command;

use crate::lab::{INSTALL, Lab};
use crate::process::{Process, labs_dir};

/// A focus that publishes the state of one room (PUBLISH, RFC 3903).
#[derive(Debug)]
pub struct Focus {
    process: Process,
}

impl Focus {
    /// Enters the lab as the focus of `room`; nothing is published yet.
    pub fn enter(lab: &Lab, room: &str) -> Self {
        let mut command = Command::new("python3");
        command
            .arg(labs_dir().join("kamailio/py/publish.py"))
            .arg("--env")
            .arg(lab.settings_file())
            .args(["--room", room])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Self {
            process: Process::start(&mut command, INSTALL),
        }
    }

    /// Carries out one step of `publish.py` and waits until the server has accepted it.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn step(&mut self, step: &str) -> &mut Self {
        self.process.say(step);
        let answer = self.process.line("answer to a step");
        let accepted = [format!("{step} 200"), "lost 0".to_owned()];
        assert!(
            answer.as_ref().is_some_and(|a| accepted.contains(a)),
            "step {step:?} gave {answer:?}\n{}",
            self.process.transcript()
        );
        self
    }
}
