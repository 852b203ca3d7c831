//! The live screen in a real terminal (OMA-15, SW-18): what is seen, keys, sizes, and how it ends whatever happens.

use std::path::Path;
use std::time::{Duration, Instant};

use rollmark_im_server as im;
use rollmark_tests::process::{PATIENCE, Process, run_dir};
use rollmark_tests::tmux::Pane;
use rollmark_tests::watch::binary;
use tokio::runtime::Runtime;

const ROOM: &str = "sip:room@im.test";

/// Prints whether keys are echoed, and come line by line.
const MODES: &str = "stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo'";

/// The demo, slow enough for its opening to be looked at for as long as a busy machine needs.
fn demo(columns: u16, lines: u16, before: &str, options: &str) -> Pane {
    let program = binary();
    let script = format!(
        "{before} '{}' demo --pace 60 {options}; echo status $?; {MODES}",
        program.display()
    );
    Pane::start(columns, lines, &script)
}

/// After the end the terminal is as it was: the cursor is there, what is typed is echoed, line by line.
#[track_caller]
fn is_given_back(pane: &Pane, status: u8) {
    let seen = pane.wait(&[&format!("status {status}"), "icanon", "echo"]);
    assert!(
        !seen.contains("-icanon") && !seen.contains("-echo"),
        "{seen}"
    );
    assert_eq!(pane.is_taken(), (false, false), "{seen}");
}

#[test]
fn the_demo_is_a_screen_with_keys() {
    let pane = demo(80, 24, "", "");
    let seen = pane.wait(&[
        "BLOCKED Mallory",
        "1 BLOCKED  4 here",
        "plain SIP",
        "fresh, 2 entries",
    ]);
    assert_eq!(pane.is_taken(), (true, true), "{seen}");
    // The first row is his.
    let rows: Vec<_> = seen.lines().collect();
    assert!(rows[6].contains("mallory@im.example"), "{seen}");
    assert!(pane.seen_with_escapes().contains("38;5;1m"), "red is due");

    pane.press(&["Enter"]);
    pane.wait(&[
        "entry       sip:mallory@im.example",
        "list        oma_blockedcontacts",
    ]);
    pane.press(&["Escape", "?"]);
    pane.wait(&["unsubscribe and quit", "filter: all, blocked, left"]);
    pane.press(&["?", "f"]);
    let seen = pane.wait(&["blocked 1"]);
    assert!(!seen.contains("bob@im.example"), "{seen}");
    pane.press(&["f"]);
    pane.wait(&["nobody has left yet"]);
    pane.press(&["f", "/", "b", "o", "b", "Enter"]);
    let seen = pane.wait(&["all /bob 1", "bob@im.example"]);
    assert!(!seen.contains("carol@im.example"), "{seen}");
    // What was searched for is selected, is blocked on the XDMS, and marked.
    pane.press(&["b"]);
    pane.wait(&[
        "sip:bob@im.example is blocked now",
        "BLOCKED Bob",
        "2 BLOCKED",
    ]);
    pane.press(&["u"]);
    pane.wait(&["sip:bob@im.example is blocked no more", "1 BLOCKED"]);
    pane.press(&["r"]);
    pane.wait(&["SUBSCRIBE sip:", "Event: conference", "answered 200"]);
    pane.press(&["i"]);
    pane.wait(&["life left"]);
    pane.press(&["End"]);
    pane.wait(&["Where this server departs", "nothing so far"]);
    pane.press(&["i", "m"]);
    pane.wait(&["no other core to switch to"]);

    for (columns, lines) in [(20, 5), (40, 12), (132, 50), (80, 24)] {
        pane.resize(columns, lines);
        pane.press(&["Escape"]);
        let mark = if columns < 30 {
            "! Mallory"
        } else {
            "BLOCKED Mallory"
        };
        pane.wait(&[mark]);
    }
    pane.press(&["q"]);
    is_given_back(&pane, 0);
    pane.wait(&["ended       unsubscribed"]);
}

#[test]
fn a_narrow_terminal_shows_who_is_here_and_who_of_them_is_blocked() {
    let pane = demo(20, 6, "", "");
    pane.wait(&["1 BLOCKED", "! Mallory", "* Alice"]);
    pane.press(&["C-c"]);
    pane.wait(&["status 0"]);
}

/// No colour where somebody wants none (no-color.org); the word is there.
#[test]
fn there_is_no_colour_where_none_is_wanted() {
    let pane = demo(80, 24, "NO_COLOR=1", "");
    pane.wait(&["BLOCKED Mallory"]);
    let seen = pane.seen_with_escapes();
    let coloured = seen.split('\u{1b}').skip(1).any(|escape| {
        let codes = escape.trim_start_matches('[').split('m').next();
        codes.unwrap_or_default().split(';').any(|code| {
            code.len() > 1 && code.starts_with(['3', '4', '9', '1']) && code != "39" && code != "49"
        })
    });
    assert!(!coloured, "{seen:?}");
    pane.press(&["q"]);
    is_given_back(&pane, 0);
}

/// Where no screen can be drawn, or none is wanted, there are lines.
#[test]
fn lines_are_for_plain_terminals_pipes_and_whoever_asks() {
    for (before, options) in [("TERM=dumb", ""), ("", "--plain"), ("", "| cat")] {
        let pane = demo(100, 30, before, options);
        pane.wait(&[
            "4 users are here:",
            "! Mallory <sip:mallory@im.example>  BLOCKED",
        ]);
        assert_eq!(pane.is_taken(), (false, false));
    }
    // A reader that has read enough.
    let script = format!("'{}' demo --pace 0.05 2>&1 | head -2", binary().display());
    let seen = Pane::start(100, 30, &script).wait(&["who has blocked mallory"]);
    assert!(!seen.contains("rollmark:"), "{seen}");
}

/// Ctrl-Z gives the terminal to the shell, `fg` gives it back to the screen.
#[test]
fn a_screen_can_be_suspended() {
    let pane = Pane::with(80, 24, &["bash", "--norc", "--noprofile", "-i"]);
    let program = binary();
    pane.press(&[
        &format!("'{}' demo --pace 60; echo status $?", program.display()),
        "Enter",
    ]);
    pane.wait(&["BLOCKED Mallory"]);
    pane.press(&["C-z"]);
    pane.wait(&["Stopped"]);
    assert_eq!(pane.is_taken(), (false, false));
    pane.press(&["fg", "Enter"]);
    pane.wait_until("the screen again", |seen| {
        seen.contains("BLOCKED Mallory") && seen.contains("? help") && !seen.contains("Stopped")
    });
    pane.press(&["q"]);
    pane.wait(&["ended       unsubscribed"]);
}

/// A conference that can be watched, and whose server knows who is subscribed.
struct Stage {
    runtime: Runtime,
    server: im::ImServer,
    room: im::Focus,
}

impl Stage {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (server, room) = runtime.block_on(async {
            let server = im::ImServer::bind(im::Settings::default()).await.unwrap();
            let people = ["alice", "bob"]
                .into_iter()
                .fold(im::Conference::new("Talk"), |room, name| {
                    room.user(im::User::connected(format!("sip:{name}@im.test")))
                });
            let room = server.create_conference(ROOM, people).unwrap();
            (server, room)
        });
        Self {
            runtime,
            server,
            room,
        }
    }

    /// `rollmark watch` in a terminal; its process id and its exit status are kept in `dir`, even when the terminal goes.
    fn watch(&self, dir: &Path, before: &str, options: &str) -> Pane {
        let script = format!(
            "{before}; sh -c 'echo $$ > {dir}/pid; exec \"{program}\" watch {ROOM} --as sip:alice@im.test --server {server} {options}'; status=$?
             echo $status > {dir}/status; echo status $status; {MODES}",
            dir = dir.display(),
            program = binary().display(),
            server = self.server.udp_addr(),
        );
        Pane::start(80, 24, &script)
    }

    fn wait_for_no_subscriber(&self) {
        let mut subscribers = self.room.subscribers().unwrap();
        let ended = async {
            let _ = subscribers.wait_for(|count| *count == 0).await;
        };
        let ended = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, ended).await });
        assert!(ended.is_ok(), "the subscription was not ended");
    }
}

fn wait_for_file(path: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(Instant::now() < deadline, "no {}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The terminal goes away, whether or not the program is told by a signal: the server is told, and the exit status is that of
/// a proper end (SUB-66, SW-13).
#[test]
fn the_server_is_told_when_the_terminal_goes_away() {
    for before in ["trap : HUP", "trap '' HUP"] {
        let (stage, dir) = (Stage::new(), run_dir("screen"));
        let pane = stage.watch(&dir, before, "");
        pane.wait(&["bob@im.test", "2 here"]);
        assert_eq!(*stage.room.subscribers().unwrap().borrow(), 1);
        pane.kill();
        stage.wait_for_no_subscriber();
        assert_eq!(wait_for_file(&dir.join("status")), "0", "{before}");
    }
}

/// A terminal that takes nothing any more, as one at the end of a broken connection, holds up neither the answers to NOTIFYs
/// nor the end (SUB-32, SUB-66).
#[test]
fn a_terminal_that_stands_still_holds_nothing_up() {
    let stage = Stage::new();
    let terminal = "import fcntl, os, pty, signal, sys, termios
master, terminal = pty.openpty()
name = os.ttyname(terminal)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(terminal, fd)
    os.environ['TERM'] = 'xterm'
    os.execv(sys.argv[1], sys.argv[1:])
sys.stdin.readline()
full = os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
try:
    while True:
        os.write(full, b'x')
except BlockingIOError:
    print('full', flush=True)
sys.stdin.readline()
os.kill(pid, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", terminal]).arg(binary());
    command.args(["watch", ROOM, "--as", "sip:alice@im.test"]);
    command.args(["--server", &stage.server.tcp_addr().to_string()]);
    command.args(["--transport", "tcp"]);
    let mut process = Process::start(&mut command, "Run ./tests/run");
    let mut subscribers = stage.room.subscribers().unwrap();
    let begun = subscribers.wait_for(|count| *count == 1);
    let begun = stage
        .runtime
        .block_on(async { tokio::time::timeout(PATIENCE, begun).await.is_ok() });
    assert!(begun, "{}", process.transcript());
    process.say("nobody reads what is drawn");
    assert_eq!(process.line("a full buffer").as_deref(), Some("full"));
    for n in 0..50 {
        let name = format!("sip:u{n}@im.test");
        stage.room.join(im::User::connected(name)).unwrap();
    }
    process.say("end");
    let status = process.line("exit status");
    assert_eq!(status.as_deref(), Some("0"), "{}", process.transcript());
    stage.wait_for_no_subscriber();
}

#[test]
fn a_signal_ends_the_subscription_and_gives_the_terminal_back() {
    for signal in ["TERM", "INT", "HUP"] {
        let (stage, dir) = (Stage::new(), run_dir("screen"));
        let pane = stage.watch(&dir, ":", "");
        pane.wait(&["bob@im.test"]);
        let pid = wait_for_file(&dir.join("pid"));
        let kill = std::process::Command::new("sh")
            .args(["-c", &format!("kill -{signal} {pid}")])
            .status();
        assert!(kill.unwrap().success());
        is_given_back(&pane, 0);
        stage.wait_for_no_subscriber();
    }
}

/// A user is blocked in a file by a key, and marked when the file is read again.
#[test]
fn a_key_blocks_in_a_file() {
    let (stage, dir) = (Stage::new(), run_dir("screen"));
    let file = dir.join("blocked.txt");
    std::fs::write(&file, "# nobody yet\n").unwrap();
    let pane = stage.watch(&dir, ":", &format!("--block-list {}", file.display()));
    pane.wait(&["bob@im.test", "you     alice"]);
    pane.press(&["Down", "b"]);
    pane.wait(&["BLOCKED bob", "sip:bob@im.test is blocked now"]);
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "# nobody yet\nsip:bob@im.test\n"
    );
    pane.press(&["u"]);
    pane.wait(&["sip:bob@im.test is blocked no more"]);
    pane.wait_until("no mark", |seen| !seen.contains("BLOCKED bob"));
    // What cannot be done is told, too.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    pane.press(&["b"]);
    pane.wait(&["not blocked: the block list"]);
    pane.press(&["q"]);
    is_given_back(&pane, 0);
    stage.wait_for_no_subscriber();
}

/// A fault leaves the terminal as it was, and its one line on it.
#[test]
fn a_fault_gives_the_terminal_back_and_is_told() {
    let stage = Stage::new();
    let script = format!(
        "'{}' watch sip:nobody@im.test --server {}; echo status $?; {MODES}",
        binary().display(),
        stage.server.udp_addr()
    );
    let pane = Pane::start(120, 30, &script);
    is_given_back(&pane, 1);
    pane.wait(&["rollmark: ", "there is no such conference"]);
}
