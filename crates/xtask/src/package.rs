//! `cargo xtask package-baresip`: a folder with the stripped module, its configuration and its README, to be copied.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{fs, io};

/// The largest module that is handed out, in octets.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Builds the module and makes the folder.
pub(crate) fn run() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = Command::new("cargo")
        .args([
            "build",
            "--locked",
            "--profile",
            "dist",
            "-p",
            "rollmark-baresip",
        ])
        .current_dir(&root)
        .status();
    if !built.is_ok_and(|status| status.success()) {
        eprintln!("xtask: the module cannot be built");
        return ExitCode::FAILURE;
    }
    match package(&root) {
        Ok(size) if size <= LARGEST => {
            println!("target/baresip-module: conference.so of {size} octets, config, README.md");
            ExitCode::SUCCESS
        }
        Ok(size) => {
            eprintln!("xtask: conference.so has {size} octets; {LARGEST} are the limit");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("xtask: target/baresip-module cannot be made: {error}");
            ExitCode::FAILURE
        }
    }
}

fn package(root: &Path) -> io::Result<u64> {
    let (target, source) = (root.join("target"), root.join("plugins/baresip"));
    let folder = target.join("baresip-module");
    fs::create_dir_all(&folder)?;
    for name in ["config", "README.md"] {
        fs::copy(source.join(name), folder.join(name))?;
    }
    let module = target.join("dist/libconference.so");
    fs::copy(module, folder.join("conference.so"))
}
