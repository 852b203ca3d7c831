//! The example does what its documentation says, over real sockets.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_example_watches_a_conference_on_the_embedded_server() {
    // Cargo builds examples before it runs tests.
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let mut example = Command::new(path.join("examples").join("watch"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(example.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        said.push(line);
    }
    if Instant::now() >= deadline {
        let _ = example.kill();
    }
    assert!(example.wait().unwrap().success(), "{said:#?}");
    assert_eq!(
        said,
        [
            "subscribing",
            "active",
            "2 users are here",
            "sip:carol@im.example joined",
            "terminated",
            "ended: unsubscribed"
        ]
    );
}
