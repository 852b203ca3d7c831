//! The short forms of `cargo xtask scale` and `soak`: nothing is lost, rosters are right, memory is bounded (GOALS P11, SW-15,
//! SW-16).

use std::process::Command;

/// Runs the command; what it printed.
fn xtask(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .env_remove("ROLLMARK_LOG")
        .output()
        .expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "xtask {arguments:?}\n{text}");
    text
}

/// Subscriptions over one connection are set up, notified, refreshed and ended, and none is lost. Their life is long enough for a
/// machine that is busy with other tests.
#[test]
fn many_subscriptions_over_one_connection() {
    let text = xtask(&["scale", "--subscriptions", "400", "--life", "24"]);
    assert!(text.contains("lost               none"), "{text}");
}

/// Joins and leaves, lost NOTIFYs and a dead connection: every roster is right in the end.
#[test]
fn conferences_that_change_all_the_time() {
    let text = xtask(&["soak", "--seconds", "10"]);
    assert!(
        text.contains("rosters            all 12 are right"),
        "{text}"
    );
}
