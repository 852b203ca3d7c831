//! Configuration files on the real command: what each setting does, what is told of a wrong file; completions and manual pages.

mod offline;
mod shells;
mod subscription;
mod wrong_use;
mod xdms;

use std::path::PathBuf;
use std::process::{Command, Output};

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::binary;
use serde_json::Value;

/// A folder with a configuration file in it.
pub(crate) struct Configured {
    folder: PathBuf,
}

impl Configured {
    pub(crate) fn new(settings: &str) -> Self {
        let folder = run_dir("config");
        std::fs::write(folder.join("r.toml"), settings).expect("a file is written");
        Self { folder }
    }

    /// One more file in the folder.
    pub(crate) fn with(self, name: &str, content: &str) -> Self {
        std::fs::write(self.folder.join(name), content).expect("a file is written");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn config(&self) -> String {
        self.path("r.toml").display().to_string()
    }

    /// Runs a command with the file, elsewhere than in its folder.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(args).arg("--config").arg(self.path("r.toml"));
        command.output().expect("rollmark runs")
    }

    /// The one JSON object that a command prints.
    #[track_caller]
    pub(crate) fn object(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }
}

/// A conference-info document.
pub(crate) fn document(inner: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' state='full' version='1'>{inner}</conference-info>"
    )
}

/// Users of a document, by their URIs, connected.
pub(crate) fn users(uris: &[&str]) -> String {
    let users: String = uris
        .iter()
        .map(|uri| {
            let endpoint = uri.replace("sip:", "sip:pc-");
            format!("<user entity='{uri}'><endpoint entity='{endpoint}'><status>connected</status></endpoint></user>")
        })
        .collect();
    format!("<users>{users}</users>")
}

/// `entity mark` of each user of a roster.
pub(crate) fn marks(roster: &Value) -> Vec<String> {
    let users = roster["users"].as_array().expect("users");
    let mark = |user: &Value| {
        let [entity, mark] = ["entity", "mark"].map(|key| user[key].as_str().unwrap_or_default());
        format!("{entity} {mark}")
    };
    users.iter().map(mark).collect()
}
