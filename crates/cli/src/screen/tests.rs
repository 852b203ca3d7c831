//! The screen without a terminal: events and keys go in, cells are read.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use rollmark::core::blocklist::{BlockLists, plain};
use rollmark::core::conference::{RosterState, Settings};
use rollmark::core::profile::{Mode, ModeReason};
use rollmark::core::roster::Roster;
use rollmark::core::subscription::Shown;
use rollmark::core::uri::IdentityRules;
use rollmark::{Event, SourceState, State, Update, What};
use rollmark_xdm::edit::Change;

use super::draw::draw;
use super::line::{Palette, width};
use super::model::{LOG_LINES, MOST_LEFT, Model};
use super::view::{Edit, KEYS, Wish};

const ROOM: &str = "sip:room@x";
const LIST: &str = "file:blocked.txt";

/// A conference as a server tells it, and the screen that shows it.
struct Stage {
    model: Model,
    roster: Roster,
    lists: BlockLists,
    version: u32,
    now: Duration,
}

impl Stage {
    fn new(blocked: &[&str]) -> Self {
        let mut lists = BlockLists::new(IdentityRules::default());
        lists.set_own(&["sip:alice@x"]);
        lists.set(LIST, list(blocked));
        let mut roster = Roster::new(Settings::default(), Some(ROOM));
        roster.begin_subscription();
        let mut stage = Self {
            model: Model::new(ROOM),
            roster,
            lists,
            version: 0,
            now: Duration::from_secs(1),
        };
        stage.tell(What::BlockList {
            source: LIST.into(),
            state: SourceState::Fresh,
            entries: blocked.len(),
            etag: None,
        });
        stage.tell(What::State(state(Shown::Active)));
        stage
    }

    fn tell(&mut self, what: What) {
        let event = Event {
            at: self.now,
            conference: ROOM.into(),
            what,
        };
        self.model.event(self.now, &event);
    }

    /// A full document with this in `<users>`, and this in `<conference-state>`.
    fn full(&mut self, users: &str, state: &str) -> &mut Self {
        self.apply("full", users, state)
    }

    /// A partial one.
    fn partial(&mut self, users: &str) -> &mut Self {
        self.apply("partial", users, "")
    }

    fn apply(&mut self, kind: &str, users: &str, state: &str) -> &mut Self {
        self.version += 1;
        self.now += Duration::from_secs(1);
        let partial = match kind {
            "partial" => r#" state="partial""#,
            _ => "",
        };
        let state = match state {
            "" => String::new(),
            state => format!("<conference-state>{state}</conference-state>"),
        };
        let body = format!(
            r#"<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="{ROOM}" state="{kind}" version="{}"><conference-description><subject>Plans</subject></conference-description>{state}<users{partial}>{users}</users></conference-info>"#,
            self.version
        );
        let news = self.roster.apply(self.now, body.as_bytes(), &self.lists);
        for what in news.events {
            self.tell(what);
        }
        self
    }

    fn press(&mut self, code: KeyCode) -> Option<Wish> {
        // The picture that the key answers.
        self.picture(80, 24);
        self.model
            .key(self.now, KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn picture(&mut self, columns: u16, lines: u16) -> Picture {
        self.picture_in(columns, lines, Palette { colour: true })
    }

    fn picture_in(&mut self, columns: u16, lines: u16, palette: Palette) -> Picture {
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let (model, now) = (&mut self.model, self.now);
        let mut rows = 0;
        let drawn = |frame: &mut ratatui::Frame<'_>| {
            rows = draw(model, now, frame.area(), frame.buffer_mut(), palette);
        };
        terminal.draw(drawn).unwrap();
        Picture {
            cells: terminal.backend().buffer().clone(),
            rows,
        }
    }
}

struct Picture {
    cells: Buffer,
    rows: usize,
}

impl Picture {
    fn lines(&self) -> Vec<String> {
        let area = self.cells.area;
        let line = |y| {
            let mut text = String::new();
            let mut x = 0;
            while x < area.width {
                let symbol = self.cells[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(width(symbol)).unwrap().max(1);
            }
            text.trim_end().to_owned()
        };
        (0..area.height).map(line).collect()
    }

    fn text(&self) -> String {
        self.lines().join("\n")
    }

    #[track_caller]
    fn line(&self, words: &str) -> String {
        let lines = self.lines();
        let found = lines.iter().find(|line| line.contains(words));
        found
            .unwrap_or_else(|| panic!("no {words:?} in\n{}", self.text()))
            .clone()
    }

    #[track_caller]
    fn has(&self, words: &str) {
        self.line(words);
    }

    #[track_caller]
    fn has_not(&self, words: &str) {
        let text = self.text();
        assert!(!text.contains(words), "{words:?} in\n{text}");
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.content.iter()
    }
}

fn list(uris: &[&str]) -> Update {
    Update {
        state: SourceState::Fresh,
        list: Some(plain::parse(&uris.join("\n"))),
        etag: None,
    }
}

fn state(shown: Shown) -> State {
    State {
        shown,
        why: None,
        retry_in: None,
        server: Some(Arc::from("sip:focus@192.0.2.1")),
        mode: Mode::Sip,
        mode_reason: ModeReason::Set,
        protected: false,
        roster: RosterState::Current,
        hidden_users: 0,
    }
}

fn user(name: &str) -> String {
    shown_as(name, name)
}

fn shown_as(name: &str, text: &str) -> String {
    format!(
        r#"<user entity="sip:{name}@x"><display-text>{text}</display-text><endpoint entity="sip:{name}@x;gr=1"><status>connected</status><joining-method>dialed-in</joining-method></endpoint></user>"#
    )
}

/// OMA-15, SW-18: who is blocked and here stands first, and is told by a word, in colour or without, at every width.
#[test]
fn blocked_users_are_first_and_marked_without_colour() {
    let mut stage = Stage::new(&["sip:mallory@x"]);
    let users = ["alice", "bob", "mallory"].map(user).concat();
    stage.full(&users, "");
    for (columns, lines, mark) in [
        (120, 40, "BLOCKED"),
        (80, 24, "BLOCKED"),
        (40, 12, "BLOCKED"),
        (20, 5, "! "),
    ] {
        for colour in [true, false] {
            let picture = stage.picture_in(columns, lines, Palette { colour });
            let row = picture.line(&format!("{mark}{}mallory", " ".repeat(mark.len() / 7)));
            let all = picture.lines();
            let place = |words: &str| all.iter().position(|line| line.contains(words));
            assert!(place(&row) < place("bob"), "{}", picture.text());
            let colours = picture
                .cells()
                .filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
                .count();
            assert_eq!(colours > 0, colour, "{columns}x{lines}");
        }
        stage.picture(columns, lines).has("1 BLOCKED");
    }
    // Only he has the word, and it is bold.
    let picture = stage.picture(80, 24);
    let marked = picture
        .lines()
        .iter()
        .filter(|line| line.trim_start().starts_with("BLOCKED"))
        .count();
    assert_eq!(marked, 1, "{}", picture.text());
    let bold = picture
        .cells()
        .any(|cell| cell.symbol() == "B" && cell.modifier.contains(Modifier::BOLD));
    assert!(bold);
    picture.line("you     alice");
}

/// What is known of the conference and its subscription is on the screen (OMA-10, OMA-14, OMA-17, OMA-19, SW-10, SEC-02).
#[test]
fn the_lines_above_say_how_it_stands() {
    let mut stage = Stage::new(&[]);
    stage.full(
        &user("bob"),
        "<user-count>5</user-count><locked>true</locked>",
    );
    let mut told = state(Shown::Active);
    told.hidden_users = 4;
    stage.tell(What::State(told));
    let now = stage.now;
    stage.model.set_life(now, Some(Duration::from_secs(3600)));
    stage.now += Duration::from_secs(61);
    let picture = stage.picture(80, 24);
    for words in [
        "Plans (locked)",
        "sip:room@x",
        "active  life 58:59  plain SIP, not protected (the account is set to it)",
        "IM server sip:focus@192.0.2.1",
        "1 here  4 more not listed  5 counted  locked",
        "block lists  blocked.txt: fresh, 0 entries, 1:02 ago",
        "1 user is here",
    ] {
        picture.has(words);
    }
    stage.tell(What::BlockList {
        source: LIST.into(),
        state: SourceState::Unavailable,
        entries: 0,
        etag: None,
    });
    stage.tell(What::State(state(Shown::Stale)));
    let picture = stage.picture(80, 24);
    picture.has("blocked.txt: unavailable, 0 entries, 0:00 ago");
    picture.has(" stale");
}

/// Roles have a column where somebody has one (RFC 4575 §5.6.3).
#[test]
fn roles_are_shown_where_there_are_some() {
    let mut stage = Stage::new(&[]);
    stage.full(&user("bob"), "");
    stage.picture(80, 24).has_not("ROLE");
    let chair = user("bob").replace(
        "<endpoint",
        "<roles><entry>moderator</entry></roles><endpoint",
    );
    stage.partial(&chair);
    let picture = stage.picture(80, 24);
    let at = |line: String, words: &str| line.find(words);
    let head = at(picture.line("ROLE"), "ROLE");
    assert_eq!(
        at(picture.line("moderator"), "moderator"),
        head,
        "{}",
        picture.text()
    );
}

/// XDM-32: the list and the entry behind a mark, on demand; so are the devices, and how each joined.
#[test]
fn details_say_who_it_is_and_what_blocks_him() {
    let mut stage = Stage::new(&["# friends of mine", "sip:mallory@X;transport=tcp"]);
    let users = [user("alice"), user("mallory")].concat();
    stage.full(&users, "");
    stage.press(KeyCode::Enter);
    for (columns, lines) in [(80, 40), (120, 40)] {
        let picture = stage.picture(columns, lines);
        for words in [
            "details: Esc closes",
            "entry       sip:mallory@X;transport=tcp",
            "source      file:blocked.txt",
            "device sip:mallory@x;gr=1",
            "joined      dialed-in",
            // The roster is still there.
            "you     alice",
        ] {
            picture.has(words);
        }
    }
    stage.press(KeyCode::Down);
    stage.picture(80, 40).has("device sip:alice@x;gr=1");
    stage.press(KeyCode::Esc);
    stage.picture(80, 40).has_not("details: ");
}

#[test]
fn filters_and_searches_show_some_only() {
    let mut stage = Stage::new(&["sip:mallory@x"]);
    let users = ["alice", "bob", "mallory", "carol"].map(user).concat();
    stage.full(&users, "");
    stage.partial(r#"<user entity="sip:carol@x" state="deleted"/>"#);
    let rows = |stage: &mut Stage| {
        let picture = stage.picture(80, 24);
        let lines = picture.lines();
        let seen = ["alice@x", "bob@x", "mallory@x", "carol@x"];
        seen.into_iter()
            .filter(|who| lines[6..16].iter().any(|line| line.contains(who)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(rows(&mut stage), "alice@x bob@x mallory@x");
    stage.press(KeyCode::Char('f'));
    assert_eq!(rows(&mut stage), "mallory@x");
    stage.press(KeyCode::Char('f'));
    assert_eq!(rows(&mut stage), "carol@x");
    stage.picture(80, 24).line("carol@x");
    // He comes back, and is no longer among those who left.
    stage.partial(&user("carol"));
    assert_eq!(rows(&mut stage), "");
    stage.press(KeyCode::Char('f'));
    for key in ['/', 'B', 'o', 'b', 'q'] {
        assert_eq!(stage.press(KeyCode::Char(key)), None);
    }
    assert_eq!(rows(&mut stage), "");
    stage.press(KeyCode::Backspace);
    assert_eq!(rows(&mut stage), "bob@x");
    stage.press(KeyCode::Enter);
    stage.picture(80, 24).has("all /Bob 1");
    stage.press(KeyCode::Esc);
    assert_eq!(rows(&mut stage), "alice@x bob@x mallory@x carol@x");
}

/// SEC-09: nothing that a server wrote acts on the terminal; wide names do not push the columns about.
#[test]
fn names_of_every_script_stay_in_their_columns() {
    let mut stage = Stage::new(&[]);
    let names = [
        ("bob", "Bob"),
        ("li", "李小龙李小龙李小龙李小龙李小龙李小龙"),
        ("smile", "👩‍👩‍👧 Ann"),
        ("zoe", "Zoe\u{308}"),
        ("sara", "שרה"),
        ("evil", "a\u{202e}b&#x9b;c"),
    ];
    let users: String = names
        .iter()
        .map(|(name, text)| shown_as(name, text))
        .collect();
    stage.full(&users, "");
    let picture = stage.picture(80, 24);
    let columns = |who: &str| {
        let line = picture.line(who);
        width(&line[..line.find(who).unwrap()])
    };
    let expected = columns("bob@x");
    for (name, _) in names {
        assert_eq!(
            columns(&format!("{name}@x")),
            expected,
            "{}",
            picture.text()
        );
    }
    picture.has("a\\u{202e}b\\u{9b}c");
    picture.has("李小龙");
    picture.has("שרה");
    assert!(!picture.lines().concat().contains(crate::text::is_unsafe));
}

/// OMA-15: only the rows that are seen are drawn, and a picture of 5,000 users takes little.
#[test]
fn five_thousand_users_draw_as_fast_as_five() {
    let mut stage = Stage::new(&["sip:u4999@x"]);
    let mut users = String::new();
    for n in 0..5000 {
        let _ = write!(users, "{}", user(&format!("u{n}")));
    }
    stage.full(&users, "");
    let picture = stage.picture(80, 24);
    assert_eq!(picture.rows, 11, "{}", picture.text());
    picture.has("BLOCKED u4999");
    picture.has("5000 here");
    stage.press(KeyCode::End);
    let picture = stage.picture(80, 24);
    assert_eq!(picture.rows, 11);
    picture.has("u4998@x");
    picture.has("4990-5000 of 5000");
    stage.press(KeyCode::PageUp);
    stage.picture(80, 24).has("u4988@x");
    stage.press(KeyCode::Home);
    stage.picture(80, 24).has("BLOCKED u4999");

    // As in a storm: each picture comes after a change, so that the order is made anew.
    const PICTURES: u32 = 50;
    let begun = Instant::now();
    for _ in 0..PICTURES {
        stage.partial(&user("u7"));
        stage.picture(80, 24);
    }
    let each = begun.elapsed() / PICTURES;
    println!("5,000 users: a NOTIFY and a picture take {each:?}");
    // Twenty a second are drawn. This is a debug build, perhaps on a busy machine.
    assert!(each < Duration::from_millis(500), "{each:?}");
}

/// Whatever the size, there is a picture; from 20x5 on it shows who is here.
#[test]
fn every_size_has_a_picture() {
    let mut stage = Stage::new(&["sip:mallory@x"]);
    let users = ["alice", "mallory"].map(user).concat();
    stage.full(&users, "");
    for key in [' ', 'i', 'l', 'r', '?', '\n', '/'] {
        stage.press(match key {
            '\n' => KeyCode::Enter,
            key => KeyCode::Char(key),
        });
        for columns in (1..=24).chain([30, 31, 47, 48, 60, 78, 80, 99, 100, 120, 300]) {
            for lines in (1..=16).chain([24, 60]) {
                stage.picture(columns, lines);
            }
        }
        stage.press(KeyCode::Esc);
    }
    let picture = stage.picture(20, 5);
    assert_eq!(
        picture.lines()[..3],
        ["1 BLOCKED  2 here  …", "! mallory", "* alice"]
    );
}

#[test]
fn help_names_every_key() {
    let mut stage = Stage::new(&[]);
    stage.full("", "");
    stage.press(KeyCode::Char('?'));
    let picture = stage.picture(80, 30);
    for (keys, what) in KEYS {
        picture.has(keys);
        picture.has(what);
    }
    stage.press(KeyCode::Char('?'));
    stage.picture(80, 30).has_not("Esc closes");
    stage.picture(80, 30).has("nobody is here");
}

/// What is asked of the world, and what is refused with a reason.
#[test]
fn keys_block_and_unblock_whom_the_user_has_selected() {
    let mut stage = Stage::new(&["sip:mallory@x"]);
    let users = ["alice", "bob", "mallory"].map(user).concat();
    stage.full(&users, "");
    let edit = |change, uri: &str, source: Option<&str>| {
        Some(Wish::Edit(Edit {
            change,
            uri: uri.to_owned(),
            source: source.map(str::to_owned),
        }))
    };
    // Mallory is first.
    assert_eq!(stage.press(KeyCode::Char('b')), None);
    stage.picture(80, 24).has("is blocked already");
    let expected = edit(Change::Unblock, "sip:mallory@x", Some(LIST));
    assert_eq!(stage.press(KeyCode::Char('u')), expected);
    stage.press(KeyCode::Down);
    assert_eq!(stage.press(KeyCode::Char('b')), None);
    stage.picture(80, 24).has("that is you");
    stage.press(KeyCode::Down);
    let expected = edit(Change::Block, "sip:bob@x", None);
    assert_eq!(stage.press(KeyCode::Char('b')), expected);
    assert_eq!(stage.press(KeyCode::Char('u')), None);
    stage.picture(80, 24).has("is not blocked");
    // The selection stays with the user, wherever his row goes.
    stage.lists.set(LIST, list(&["sip:bob@x"]));
    stage.partial(&user("bob"));
    assert_eq!(stage.model.selected().unwrap().user.entity(), "sip:bob@x");
    assert_eq!(stage.press(KeyCode::Char('m')), Some(Wish::Switch));
    assert_eq!(stage.press(KeyCode::Char('q')), Some(Wish::Quit));
    stage.picture(80, 24).has("unsubscribing");
}

/// Where there is no room for the log, an answer stands in the last line for a while.
#[test]
fn a_small_screen_answers_in_its_last_line() {
    let mut stage = Stage::new(&[]);
    stage.full(&user("bob"), "");
    stage.press(KeyCode::Char('u'));
    stage.picture(60, 8).has("bob <sip:bob@x> is not blocked");
    stage.now += Duration::from_secs(6);
    stage.picture(60, 8).has("? help");
}

/// A long conference does not fill the memory.
#[test]
fn what_is_kept_has_bounds() {
    let mut stage = Stage::new(&[]);
    stage.full(&user("alice"), "");
    for n in 0..MOST_LEFT + 5 {
        let name = format!("u{n}");
        stage.partial(&user(&name));
        stage.partial(&format!(r#"<user entity="sip:{name}@x" state="deleted"/>"#));
    }
    assert_eq!(stage.model.left.len(), MOST_LEFT);
    assert_eq!(stage.model.log.len(), LOG_LINES);
    assert_eq!(stage.model.rows.len(), 1);
    stage.press(KeyCode::Char('f'));
    stage.press(KeyCode::Char('f'));
    // Who left last is first.
    let picture = stage.picture(80, 24);
    let newest = format!("u{}@x", MOST_LEFT + 4);
    assert!(picture.lines()[6].contains(&newest), "{}", picture.text());
    assert!(
        picture.lines()[6].contains("departed"),
        "{}",
        picture.text()
    );
}
