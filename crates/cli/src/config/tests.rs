//! Configuration files: what they come to on the command line, and the one line that says what is wrong with them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Command;

use super::entry::{Kind, Setting};
use super::{command, configured, merge, read, sample};

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rollmark-config-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join("r.toml");
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn merged(words: &str, path: &Path) -> Result<Vec<OsString>, super::file::Fault> {
    let words = ["rollmark"].into_iter().chain(words.split_whitespace());
    let mut words: Vec<OsString> = words.map(Into::into).collect();
    words.extend(["--config".into(), path.into()]);
    merge::words(&words)
}

/// What the options of a command come to, with this file.
fn options(words: &str, file: &str) -> String {
    let folder = Folder::new();
    let path = folder.file(file);
    let merged = merged(words, &path).unwrap_or_else(|fault| panic!("{fault}"));
    let args = read(&merged).unwrap_or_else(|fault| panic!("{fault}"));
    format!("{args:?}").replace(&*folder.0.to_string_lossy(), "FOLDER")
}

/// What is wrong with the file: status, and the line without the folder.
#[track_caller]
fn wrong(words: &str, file: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    let path = folder.file(file);
    match merged(words, &path) {
        Ok(merged) => panic!("{merged:?}"),
        Err(fault) => {
            let text = fault.to_string();
            assert_eq!(text.lines().count(), 1, "{text}");
            let text = text.replace(&format!("{}/", folder.0.display()), "");
            format!("{} {text}", fault.exit_status())
        }
    }
}

/// CLI contract: the options by the same names; the command line wins.
#[test]
fn a_file_gives_what_the_command_line_does_not() {
    let file = r#"
        conference = "sip:room@x"
        as = 'sip:alice@x'
        server = "one:5060"
        transport = "tcp"
        expires = 600
        t1 = 0x7d0
        max-rate = 0.5
        json = true
        reg-event = false
        block-list = ["a.txt", "/b.txt"]
        password-file = "secret"
        user = "alice"
    "#;
    let shown = options("watch", file);
    for expected in [
        r#"conference: "sip:room@x""#,
        r#"identity: Some("sip:alice@x")"#,
        r#"server: Some("one:5060")"#,
        "transport: Tcp",
        "expires: 600",
        "t1: 2000",
        "max_rate: Some(Rate { billionths: 500000000 })",
        "json: true",
        "reg_event: false",
        r#"block_list: ["FOLDER/a.txt", "/b.txt"]"#,
        r#"password_file: Some("FOLDER/secret")"#,
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    let words = "watch sip:other@x --server two --block-list c.txt --expires 60 --transport=udp";
    let shown = options(words, file);
    for expected in [
        r#"conference: "sip:other@x""#,
        r#"server: Some("two")"#,
        "transport: Udp",
        "expires: 60,",
        r#"block_list: ["c.txt"]"#,
        r#"identity: Some("sip:alice@x")"#,
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

/// One file serves all commands: each takes what it knows.
#[test]
fn what_another_command_takes_is_passed_over() {
    let file = r#"
        server = "one:5060"
        mode = "auto"
        pace = 2
        as = "sip:alice@x"
        xcap-root = "http://127.0.0.1:1"
    "#;
    let shown = options("xdm caps", file);
    assert!(
        shown.contains("mode: Sip") && shown.contains("http://127.0.0.1:1"),
        "{shown}"
    );
    assert!(options("demo", file).contains("pace: 2.0"));
    // What is on the command line takes out what it excludes.
    let shown = options("block sip:bob@x --block-list mine.txt", file);
    assert!(shown.contains("xcap_root: None"), "{shown}");
    // A file of one list is one for a command that takes one.
    let shown = options("block sip:bob@x", "block-list = ['mine.txt']");
    assert!(shown.contains("FOLDER/mine.txt"), "{shown}");
}

/// Wrong files: status 2 and one line, with the place, what is wrong, and what to do.
#[test]
fn what_is_wrong_is_told_with_its_place() {
    let watch = "watch sip:room@x";
    for (words, file, expected) in [
        (
            watch,
            "\nsever = 'x'",
            "2 r.toml:2:1: there is no option sever; did you mean server?",
        ),
        (
            watch,
            "  password_file = 'x'",
            "2 r.toml:1:3: there is no option password_file; did you mean password-file?",
        ),
        (
            watch,
            "zzz = 1",
            "2 r.toml:1:1: there is no option zzz; rollmark config prints all that there are",
        ),
        (
            watch,
            "server = 5",
            "2 r.toml:1:10: server wants a text in quotes",
        ),
        (
            watch,
            "expires = '5'",
            "2 r.toml:1:11: expires wants a number, without quotes",
        ),
        (
            watch,
            "join = 'yes'",
            "2 r.toml:1:8: join wants true or false, without quotes",
        ),
        (
            watch,
            "ca = true",
            "2 r.toml:1:6: ca wants the name of a file in quotes",
        ),
        (
            watch,
            "ca = ''",
            "2 r.toml:1:6: ca wants the name of a file in quotes",
        ),
        (
            watch,
            "server = ['a', 'b']",
            "2 r.toml:1:11: server takes one value",
        ),
        (
            watch,
            "block-list = ['a', 5]",
            "2 r.toml:1:20: block-list wants the name of a file in quotes",
        ),
        (
            watch,
            "as = ''",
            "2 r.toml:1:6: as wants a text that is not empty",
        ),
        (
            watch,
            "expires = 0",
            "2 r.toml:1:11: expires cannot be \"0\": 0 is not in 1..=4294967295",
        ),
        (
            watch,
            "expires = -1",
            "2 r.toml:1:11: expires cannot be \"-1\"",
        ),
        (
            watch,
            "xcap-poll = 10",
            "2 r.toml:1:13: xcap-poll cannot be \"10\": 10 is not in 300..=604800",
        ),
        (
            watch,
            "max-rate = 0.0",
            "2 r.toml:1:12: max-rate cannot be \"0.0\": give notifications a second",
        ),
        (
            watch,
            "max-users = 0",
            "2 r.toml:1:13: max-users cannot be \"0\": give a number from 1 to",
        ),
        (
            watch,
            "foreign-xcap-root = ['x']",
            "2 r.toml:1:22: foreign-xcap-root cannot be \"x\": ",
        ),
        (
            watch,
            "mode = 'imss'",
            "2 r.toml:1:8: mode is one of auto, sip, ims, not \"imss\"; did you mean \"ims\"?",
        ),
        (
            watch,
            "mode = 'ims'",
            "2 r.toml:1:1: mode needs as, too; add it, or take mode out",
        ),
        (
            watch,
            "user = 'a'",
            "2 r.toml:1:1: user needs password-file or aka-file, too; add it, or take user out",
        ),
        (
            watch,
            "xcap-user = 'a'\nxcap-password-file = 'b'",
            "2 r.toml:1:1: xcap-user needs xcap-root, too;",
        ),
        (
            watch,
            "as = 'sip:a@x'\njoin = true\nanonymous = true",
            "2 r.toml:3:1: rollmark watch takes anonymous or join (line 2), not both;",
        ),
        // A wish is not dropped because of the command line.
        (
            "watch sip:r@x --join --as sip:a@x",
            "\n anonymous = true",
            "2 r.toml:2:2: anonymous does not go with --join of the command line; take one out",
        ),
        (
            "block sip:b@x",
            "xcap-root = 'http://x'\nblock-list = 'b'",
            "2 r.toml:2:1: rollmark block takes block-list or xcap-root (line 1), not both;",
        ),
        (
            watch,
            "password = 'x'",
            "2 r.toml:1:1: password looks like a secret, which does not stand in a configuration file; put it into a file that only you can read, and give its name as password-file",
        ),
        (
            watch,
            "xcap_password = 'x'",
            "2 r.toml:1:1: xcap_password looks like a secret,",
        ),
        (
            watch,
            "opc = 'x'",
            "2 r.toml:1:1: opc looks like a secret, which does not stand in a configuration file; put it into a file that only you can read, and give its name as aka-file",
        ),
        (
            watch,
            "[watch]\nserver = 'x'",
            "2 r.toml:1:2: there are no sections such as watch; put the options at the top, by their names",
        ),
        (
            watch,
            "server = 'x'\nserver = 'y'",
            "2 r.toml:2:1: this is no TOML: ",
        ),
        (
            watch,
            "sphere = 'ä'\nserver = x",
            "2 r.toml:2:10: this is no TOML: ",
        ),
        // Columns are counted in characters.
        (
            watch,
            "also = ['ä', 5]",
            "2 r.toml:1:14: also wants a text in quotes",
        ),
        (
            watch,
            "config = 'x'",
            "2 r.toml:1:1: config is of the command line alone; take it out",
        ),
        (
            "watch",
            "conference = '--json'",
            "2 r.toml:1:14: conference wants a sip: or sips: URI",
        ),
        // Of another command, but wrong there, too.
        (
            watch,
            "pace = 1000",
            "2 r.toml:1:8: pace cannot be \"1000\": give seconds from 0.05 to 60",
        ),
    ] {
        let told = wrong(words, file);
        assert!(told.starts_with(expected), "{file}\n{told}\n{expected}");
    }
    assert_eq!(
        wrong(watch, b"as = 'sip:\xff@x'"),
        "2 r.toml:1:11: this is not UTF-8; save the file as UTF-8"
    );
    let told = wrong(watch, vec![b'\n'; 1 << 21]);
    assert!(
        told.starts_with("1 the configuration r.toml cannot be read: it is larger than"),
        "{told}"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_failure() {
    let fault = merged("watch sip:room@x", Path::new("/nowhere/r.toml")).unwrap_err();
    assert_eq!(fault.exit_status(), 1);
    let text = fault.to_string();
    assert!(
        text.starts_with("the configuration /nowhere/r.toml cannot be read: "),
        "{text}"
    );
}

/// A byte order mark is nothing to stumble over.
#[test]
fn a_mark_at_the_beginning_is_passed_over() {
    assert!(options("watch sip:room@x", "\u{feff}server = 'one'").contains("Some(\"one\")"));
}

/// Every option of every command with a file is in the sample, which is what docs/rollmark.sample.toml has.
#[test]
fn the_sample_has_every_option() {
    let text = sample::text();
    let kept = include_str!("../../../../docs/rollmark.sample.toml");
    assert!(
        kept.trim_end() == text,
        "docs/rollmark.sample.toml is out of date: rollmark config > docs/rollmark.sample.toml"
    );
    let root = command();
    for command in configured(&root) {
        for setting in Setting::all(command) {
            let key = format!("\n# {} = ", setting.key());
            assert_eq!(text.matches(&key).count(), 1, "{key}");
        }
    }
}

/// The sample is a file, also with everything in it uncommented, for every command.
#[test]
fn the_sample_is_a_configuration() {
    let text = sample::text();
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(set) if is_set(set) => format!("{set}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    for words in [
        "watch",
        "doctor",
        "demo",
        "roster d.xml",
        "match a b",
        "rules r.xml a",
        "xdm blocked",
        "xdm get x",
        "xdm caps",
        "block sip:b@x --block-list b.txt",
        "unblock sip:b@x --block-list b.txt",
    ] {
        let conference = match words {
            "watch" | "doctor" => " sip:room@x",
            _ => "",
        };
        options(&format!("{words}{conference}"), &text);
        options(words, &all);
    }
    let shown = options("watch", &all);
    assert!(shown.contains("sphere: Some(\"work\")"), "{shown}");
}

/// `KEY = VALUE`.
fn is_set(line: &str) -> bool {
    let key = line.split(" = ").next().unwrap_or_default();
    line.contains(" = ")
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// What tells files from texts, and numbers: an option of a new kind is to be thought of here.
#[test]
fn every_option_is_of_a_known_kind() {
    let root = command();
    let known = [
        "URI",
        "URL",
        "HOST:PORT",
        "NAME",
        "TEXT",
        "URN",
        "TIME",
        "CONFERENCE",
    ];
    for command in configured(&root) {
        for setting in Setting::all(command) {
            let name = setting.value_name();
            match setting.kind() {
                Kind::Path => assert!(["FILE", "DIR"].contains(&name), "{}", setting.key()),
                Kind::Text if setting.key() == "conference" => {}
                Kind::Text => assert!(known.contains(&name), "{} {name}", setting.key()),
                Kind::Flag | Kind::Number | Kind::Choice | Kind::NamedPath => {}
            }
        }
    }
}

/// The parser's own checks of all commands, options and groups.
#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}

/// No secret is taken on a command line, nor in a file: what holds one is named.
#[test]
fn no_option_takes_a_secret() {
    fn all<'c>(command: &'c Command, found: &mut Vec<&'c str>) {
        found.extend(command.get_arguments().filter_map(clap::Arg::get_long));
        for below in command.get_subcommands() {
            all(below, found);
        }
    }
    let root = command();
    let mut found = Vec::new();
    all(&root, &mut found);
    let secret =
        |name: &&str| name.contains("password") || name.contains("aka") || name.contains("secret");
    let unsafe_ones: Vec<_> = found
        .into_iter()
        .filter(secret)
        .filter(|name| !name.ends_with("-file"))
        .collect();
    assert_eq!(unsafe_ones, Vec::<&str>::new());
}

/// XDM-27: how often an XDMS is asked.
#[test]
fn the_time_between_two_questions_to_an_xdms_is_a_setting() {
    for (file, seconds) in [("", 900), ("xcap-root = 'https://x'\nxcap-poll = 600", 600)] {
        let folder = Folder::new();
        let merged = merged("watch sip:room@x", &folder.file(file)).unwrap();
        let crate::args::Command::Watch(watch) = read(&merged).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(watch.lists.polling().interval.as_secs(), seconds);
    }
}
