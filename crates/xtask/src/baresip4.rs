//! `cargo xtask baresip4`: the baresip module in baresip 4.x, which a PyPI wheel carries.

use std::path::Path;
use std::process::{Command, ExitCode};

/// The wheel. It promises nothing about its later versions, so this one is pinned.
const WHEEL: &str = "baresip-python==0.5.2a3";

/// Installs the wheel where the tests look for it, builds the module, runs the kit; fails with whatever fails.
pub(crate) fn run() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let environment = root.join("target/baresip4");
    let python = environment.join("bin/python");
    let steps = [
        command("python3", &["-m", "venv"]).with(&environment),
        command(&python, &["-m", "pip", "install", "--quiet", WHEEL]),
        command("cargo", &["build", "--locked", "-p", "rollmark-baresip"]),
        command(
            "cargo",
            &[
                "test",
                "--locked",
                "-p",
                "rollmark-tests",
                "--features",
                "baresip4",
                "--test",
                "kit_baresip4",
            ],
        ),
    ];
    for mut step in steps {
        // The scenarios mostly wait for messages.
        let step = step.0.current_dir(&root).env("RUST_TEST_THREADS", "8");
        match step.status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                eprintln!("xtask: {step:?} failed: {status}");
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("xtask: {step:?} cannot be run: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

struct Step(Command);

impl Step {
    fn with(mut self, path: &Path) -> Self {
        self.0.arg(path);
        self
    }
}

fn command(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Step {
    let mut command = Command::new(program);
    command.args(arguments);
    Step(command)
}
