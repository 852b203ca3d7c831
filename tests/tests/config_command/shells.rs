//! Completions as a shell loads them, and manual pages as groff sets them.

use std::process::Command;

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::binary;

fn print(args: &[&str]) -> String {
    let output = Command::new(binary())
        .args(args)
        .output()
        .expect("rollmark runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What bash offers after these words, the last of which is being written.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let folder = run_dir("completions");
    let path = folder.join("rollmark.bash");
    std::fs::write(&path, script).expect("a file is written");
    std::fs::write(folder.join("blocked.txt"), "").expect("a file is written");
    let quoted = words
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(" ");
    let last = words.len() - 1;
    let (current, previous) = (words[last], words[last - 1]);
    // Nothing is completed at a terminal here, where alone compopt works.
    // As readline calls it: the function that `complete` was told, with the words in COMP_WORDS.
    let call = format!(
        "compopt() {{ :; }}; source rollmark.bash; COMP_WORDS=({quoted}); COMP_CWORD={last}; \
         complete -p rollmark | grep -q -- '-F _rollmark' && _rollmark rollmark '{current}' '{previous}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &call])
        .current_dir(&folder)
        .output()
        .expect("bash runs");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_values_and_files() {
    let script = print(&["completions", "bash"]);
    assert_eq!(offered(&script, &["rollmark", "wa"]), ["watch"]);
    assert_eq!(
        offered(&script, &["rollmark", "watch", "--xcap-roo"]),
        ["--xcap-root"]
    );
    assert_eq!(
        offered(&script, &["rollmark", "watch", "--confi"]),
        ["--config"]
    );
    assert_eq!(
        offered(&script, &["rollmark", "watch", "--mode", "i"]),
        ["ims"]
    );
    assert_eq!(offered(&script, &["rollmark", "xdm", "ca"]), ["caps"]);
    assert_eq!(
        offered(&script, &["rollmark", "watch", "--block-list", "blo"]),
        ["blocked.txt"]
    );
}

/// The other shells' scripts have every command and option in them; they are not there to be asked.
#[test]
fn zsh_and_fish_have_every_option() {
    for shell in ["zsh", "fish"] {
        let script = print(&["completions", shell]);
        for word in [
            "watch",
            "unblock",
            "block-list",
            "config",
            "xcap-password-file",
        ] {
            assert!(script.contains(word), "{word} in the script for {shell}");
        }
    }
}

/// Every page is set without a warning, and says what it is of.
#[test]
fn manual_pages_are_set() {
    let folder = run_dir("man");
    assert_eq!(
        print(&["man", "--dir", folder.to_str().expect("UTF-8")]).trim(),
        ""
    );
    let mut pages: Vec<_> = std::fs::read_dir(&folder)
        .expect("pages")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    pages.sort();
    assert!(pages.len() > 12, "{pages:?}");
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        let name = page
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        assert!(text.contains(&format!(".TH {name} 1")), "{text}");
        let set = Command::new("groff")
            .args(["-man", "-Tutf8", "-Kutf8", "-ww", "-z"])
            .arg(&page)
            .output()
            .expect("groff (Debian's groff-base), as tests/run installs it");
        assert!(
            set.status.success() && set.stderr.is_empty(),
            "{name}: {set:?}"
        );
    }
    let whole = print(&["man"]);
    assert!(
        whole.contains("EXIT STATUS") && whole.contains("ROLLMARK_LOG"),
        "{whole}"
    );
}

/// A folder that cannot be written to is told in one line.
#[test]
fn a_folder_that_cannot_be_written_to_is_told() {
    let output = Command::new(binary())
        .args(["man", "--dir", "/dev/null/pages"])
        .output()
        .expect("rollmark runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.lines().count() == 1 && text.contains("/dev/null/pages cannot be written"),
        "{text}"
    );
}
