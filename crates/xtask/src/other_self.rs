//! Another process of this program, asked by lines: its memory and time are its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::scale::Fault;

/// That process, as seen from here. Dropping it ends it.
pub(crate) struct OtherSelf {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl OtherSelf {
    /// Starts it with these arguments.
    pub(crate) fn start(arguments: &[String]) -> Result<Self, Fault> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = child.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            commands: child.stdin.take(),
            child,
            answers: BufReader::new(answers),
        })
    }

    /// The next line that it prints.
    pub(crate) fn answer(&mut self) -> Result<String, Fault> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the other process has ended".into());
        }
        Ok(line.trim().to_owned())
    }

    /// Its answer to a command.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, Fault> {
        let commands = self.commands.as_mut().ok_or("no standard input")?;
        writeln!(commands, "{command}")?;
        commands.flush()?;
        self.answer()
    }
}

impl Drop for OtherSelf {
    fn drop(&mut self) {
        drop(self.commands.take());
        // It ends by itself once its input is closed; a hung one is not waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
