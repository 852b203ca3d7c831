//! What the conference can see of a block list: nothing; and what the user sees, whatever came first (SEC-14, SEC-15, SW-16,
//! SW-17, XDM-80, OMA-16).

use std::collections::BTreeMap;
use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::{BlockList, Entry, SourceState, Update};
use rollmark_core::engine::{Engine, WatchId, What};
use rollmark_core::host::{Action, Answer, Capabilities, Fact};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::registration::Registration;
use rollmark_core::roster::Row;
use rollmark_tests::hosts::{ALICE, ROOM, document};

const LISTS: &str = "resource-lists/users/sip:alice@example.org/index";

fn list(names: &[&str]) -> Update {
    let entries = names.iter().map(|name| Entry {
        uri: format!("sip:{name}@example.org").into(),
        list: None,
        rule: None,
    });
    Update {
        state: SourceState::Fresh,
        list: Some(BlockList {
            entries: entries.collect(),
            complete: true,
            rules: None,
        }),
        etag: None,
    }
}

/// One user's softphone on a simulated clock, and the focus and the notifier in front of it.
struct World {
    engine: Engine,
    account: AccountId,
    room: WatchId,
    documents: Option<WatchId>,
    now: Duration,
    cseq: u32,
    /// The latest SUBSCRIBE to the focus, for its dialog.
    asked: Option<Request>,
    /// Call-ID of the dialog that the focus spoke in last.
    lost: Option<String>,
    /// What went to the focus, requests and answers, octet by octet.
    traffic: Vec<String>,
    /// The roster as somebody sees it who only has the events.
    seen: BTreeMap<String, Row>,
    blocked: Vec<String>,
}

impl World {
    fn new(with_documents: bool) -> Self {
        let mut engine = Engine::new(Capabilities::TRANSACTION, [9; 32]);
        let registration = Registration {
            contact: "sip:alice@192.0.2.1:5060".into(),
            ..Registration::default()
        };
        let mut settings = AccountSettings::new(ALICE);
        settings.subscription.suppress = true;
        let account = engine.add_account(settings, registration);
        let now = Duration::from_secs(100);
        let room = engine.watch(now, account, ROOM).unwrap();
        let documents = with_documents.then(|| {
            engine
                .watch_documents(now, account, ALICE, &[LISTS])
                .unwrap()
        });
        let mut world = Self {
            engine,
            account,
            room,
            documents,
            now,
            cseq: 0,
            asked: None,
            lost: None,
            traffic: Vec::new(),
            seen: BTreeMap::new(),
            blocked: Vec::new(),
        };
        world.settle();
        world
    }

    fn settle(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            let Action::Send {
                transaction,
                request,
                next_hop,
            } = action
            else {
                panic!("{action:?}");
            };
            let to_focus = request.headers.get("Event") == Some("conference");
            if to_focus {
                self.traffic.push(format!("{next_hop} {request:?}"));
            }
            let (to, contact) = match to_focus {
                true => (ROOM, "<sip:focus@198.51.100.7>"),
                false => (ALICE, "<sip:xdms@198.51.100.8>"),
            };
            let response = Response {
                status: 200,
                reason: "OK".into(),
                headers: [
                    ("To", format!("<{to}>;tag=n")),
                    ("Contact", contact.to_owned()),
                    ("Expires", "3600".into()),
                ]
                .into_iter()
                .collect(),
                body: Vec::new(),
            };
            if to_focus {
                self.asked = Some(request);
            } else if self.documents.is_some() {
                self.tell_documents(&request);
            }
            let fact = Fact::Response {
                transaction,
                response,
            };
            self.engine.handle_fact(self.now, fact);
        }
        while let Some(event) = self.engine.poll_event() {
            if event.watch == self.room {
                self.see(event.what);
            }
        }
    }

    /// The notifier of documents tells that one is there.
    fn tell_documents(&mut self, subscribe: &Request) {
        let body = format!(
            "<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff' xcap-root='http://x/'><document sel='{LISTS}' new-etag='1'/></xcap-diff>"
        );
        let answer = self.notify(subscribe, ALICE, "xcap-diff", "active;expires=3600", &body);
        assert_eq!(answer.map(|answer| answer.status), Some(200));
    }

    fn notify(
        &mut self,
        subscribe: &Request,
        from: &str,
        event: &str,
        state: &str,
        body: &str,
    ) -> Option<Answer> {
        self.cseq += 1;
        let value = |name| subscribe.headers.get(name).unwrap().to_owned();
        let kind = match event {
            "conference" => "application/conference-info+xml",
            _ => "application/xcap-diff+xml",
        };
        let mut headers: Headers = [
            ("From", format!("<{from}>;tag=n")),
            ("To", value("From")),
            ("Call-ID", value("Call-ID")),
            ("CSeq", format!("{} NOTIFY", self.cseq)),
            ("Event", event.into()),
            ("Contact", "<sip:focus@198.51.100.7>".into()),
            ("Subscription-State", state.into()),
        ]
        .into_iter()
        .collect();
        if !body.is_empty() {
            headers.push("Content-Type", kind);
        }
        let request = Request {
            method: "NOTIFY".into(),
            uri: "sip:alice@192.0.2.1:5060".into(),
            headers,
            body: body.as_bytes().to_vec(),
        };
        self.engine.handle_request(self.now, &request)
    }

    /// A NOTIFY of the focus.
    fn conference(&mut self, state: &str, body: &str) {
        let asked = self.asked.clone().expect("a dialog");
        self.lost = asked.headers.get("Call-ID").map(str::to_owned);
        let answer = self.notify(&asked, ROOM, "conference", state, body);
        self.traffic.push(format!("{answer:?}"));
        self.settle();
    }

    fn list(&mut self, names: &[&str]) {
        let account = self.account;
        self.engine.handle_block_list(account, "xdms", list(names));
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.engine.handle_timeout(at);
            self.settle();
        }
        self.now = until;
    }

    /// Lets time pass until the focus was asked once more.
    fn refreshed(&mut self) {
        let before = self.traffic.len();
        while self.traffic.len() == before {
            self.pass(Duration::from_secs(1));
        }
    }

    /// Lets time pass until the focus was asked in a new dialog.
    fn subscribed_anew(&mut self) {
        let call_id = |asked: &Option<Request>| {
            let asked = asked.as_ref().expect("a SUBSCRIBE");
            asked.headers.get("Call-ID").map(str::to_owned)
        };
        // The loss is known from here on.
        let lost = self.lost.clone();
        for _ in 0..100 {
            if call_id(&self.asked) != lost {
                return;
            }
            self.pass(Duration::from_millis(100));
        }
        panic!("no new SUBSCRIBE");
    }

    fn see(&mut self, what: What) {
        let name = |row: &Row| row.user.entity().to_owned();
        match what {
            What::Roster(rows) => {
                self.seen = rows.into_iter().map(|row| (name(&row), row)).collect();
                self.blocked.clear();
            }
            What::Joined(row) | What::Updated { row, .. } | What::Listed(row) => {
                self.seen.insert(name(&row), row);
            }
            What::Left { row, kept, .. } | What::NotJoined { row, kept, .. } => {
                self.blocked.retain(|who| *who != name(&row));
                self.seen.remove(&name(&row));
                if kept {
                    self.seen.insert(name(&row), row);
                }
            }
            What::Unlisted(row) => {
                self.seen.remove(&name(&row));
            }
            What::Blocked(row) => self.blocked.push(name(&row)),
            What::Unblocked(row) => self.blocked.retain(|who| *who != name(&row)),
            _ => {}
        }
    }

    /// Each user with his mark: as the events told it, which must be what the engine holds.
    fn display(&mut self) -> Vec<String> {
        let show = |row: &Row| {
            let present = if row.user.present() { "" } else { " (absent)" };
            format!("{} {}{present}", row.user.entity(), row.mark.as_str())
        };
        let mut told: Vec<String> = self.seen.values().map(show).collect();
        let roster = self.engine.roster(self.room).expect("a roster");
        let mut held: Vec<String> = roster.rows().map(|row| show(&row)).collect();
        held.sort();
        told.sort();
        assert_eq!(told, held, "the events tell another story than the roster");
        self.blocked.sort();
        let marked = held.iter().filter(|row| row.ends_with(" blocked"));
        let marked: Vec<_> = marked.filter_map(|row| row.split(' ').next()).collect();
        assert_eq!(self.blocked, marked, "blocked and unblocked do not add up");
        held
    }
}

/// A whole life of a subscription, with whatever else happens in between.
fn life(with_documents: bool, mut between: impl FnMut(&mut World, usize)) -> Vec<String> {
    let mut world = World::new(with_documents);
    between(&mut world, 0);
    world.conference(
        "active;expires=3600",
        &document(1, "full", &["alice", "bob", "eve"]),
    );
    between(&mut world, 1);
    world.conference("active", &document(2, "partial", &["trudy"]));
    between(&mut world, 2);
    // A gap, for which the whole state is asked.
    world.conference("active", &document(9, "partial", &["mallory"]));
    between(&mut world, 3);
    world.conference(
        "active",
        &document(10, "full", &["alice", "bob", "eve", "mallory"]),
    );
    between(&mut world, 4);
    // Refreshed, lost, and subscribed anew.
    world.refreshed();
    between(&mut world, 5);
    world.conference("active;expires=3600", "");
    world.conference("terminated;reason=deactivated", "");
    between(&mut world, 6);
    world.subscribed_anew();
    world.conference("active;expires=3600", &document(1, "full", &["eve", "bob"]));
    between(&mut world, 7);
    world.engine.unsubscribe(world.now, world.room);
    world.settle();
    world.conference("terminated;reason=timeout", "");
    world.traffic
}

/// A message without what is drawn at random.
fn without_random(traffic: &[String]) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    let mut plain = Vec::new();
    for message in traffic {
        let mut text = message.clone();
        for word in message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            let drawn = word.len() >= 12
                && word.bytes().any(|b| b.is_ascii_digit())
                && word.bytes().any(|b| b.is_ascii_alphabetic());
            if drawn {
                let at = known.iter().position(|one| one == word);
                let at = at.unwrap_or_else(|| {
                    known.push(word.to_owned());
                    known.len() - 1
                });
                text = text.replace(word, &format!("<drawn {at}>"));
            }
        }
        plain.push(text);
    }
    plain
}

/// SEC-15, SEC-14, XDM-80: with the same seed every octet to the focus is the same without a list, with one, and with one that
/// changes at every step; with documents followed on the same stack, all but what is drawn at random.
#[test]
fn no_octet_to_the_conference_depends_on_the_list() {
    let none = life(false, |_, _| {});
    assert!(none.len() >= 12, "{none:#?}");
    let whole = life(false, |world, at| {
        if at == 0 {
            world.list(&["eve", "trudy", "mallory"]);
        }
    });
    assert_eq!(none, whole);
    let mut marked = 0;
    let changing = |world: &mut World, at: usize| {
        let lists: [&[&str]; 3] = [&["eve", "bob"], &[], &["mallory", "trudy", "alice"]];
        world.list(lists[at % 3]);
        marked += world.blocked.len();
    };
    assert_eq!(none, life(false, changing));
    assert!(marked > 3, "the lists did mark somebody: {marked}");
    let followed = life(true, |world, at| {
        world.list([["eve"], ["bob"]][at % 2].as_slice());
        let (now, documents) = (world.now, world.documents.unwrap());
        let names = [LISTS, ["a/users/b/c", "a/users/b/d"][at % 2]];
        world.engine.set_documents(now, documents, &names).unwrap();
        world.settle();
    });
    assert_eq!(without_random(&none), without_random(&followed));
    for (text, of) in [(&none, "none"), (&followed, "followed")] {
        let all = text.join("\n");
        for name in ["trudy", "mallory", "eve", "resource-lists", "xcap"] {
            assert!(!all.contains(name), "{name} in {of}: {all}");
        }
    }
}

/// SW-16, SW-17, OMA-16: lists and NOTIFYs in every order, the loss of the subscription and its renewal among them, lead to
/// one display, and the events add up to it at every step.
#[test]
fn whatever_comes_first_the_display_is_the_same() {
    type Step = fn(&mut World);
    let lists: [Step; 3] = [
        |world| world.list(&["eve"]),
        |world| world.list(&[]),
        |world| world.list(&["bob", "trudy"]),
    ];
    let rosters: [Step; 4] = [
        |world| {
            let body = document(1, "full", &["alice", "bob", "eve"]);
            world.conference("active;expires=3600", &body);
        },
        |world| world.conference("active", &document(2, "partial", &["trudy"])),
        |world| {
            world.conference("terminated;reason=deactivated", "");
            world.subscribed_anew();
        },
        |world| {
            let body = document(1, "full", &["alice", "bob", "trudy", "mallory"]);
            world.conference("active;expires=3600", &body);
        },
    ];
    let steps = lists.len() + rosters.len();
    let mut orders = 0;
    for order in 0..1u32 << steps {
        if order.count_ones() as usize != lists.len() {
            continue;
        }
        let mut world = World::new(false);
        world.engine.add_source(world.account, "xdms");
        let (mut list, mut roster) = (lists.iter(), rosters.iter());
        for at in 0..steps {
            let step = match order >> at & 1 {
                1 => list.next(),
                _ => roster.next(),
            };
            step.unwrap()(&mut world);
            if world.engine.roster(world.room).is_some() {
                world.display();
            }
        }
        orders += 1;
        assert_eq!(
            world.display(),
            [
                "sip:alice@example.org self",
                "sip:bob@example.org blocked",
                "sip:mallory@example.org clear",
                "sip:trudy@example.org blocked",
            ],
            "order {order:07b}"
        );
    }
    assert_eq!(orders, 35);
}
