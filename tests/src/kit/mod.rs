//! The conformance kit: scenarios that every adapter must pass, written once (SW-11, SW-12).
//!
//! A scenario plays a notifier ([`notifier::Notifier`]) against a host behind the small trait [`Host`]: it starts with a
//! server and an account, subscribes, unsubscribes, stops, and tells its events as plain words. Real hosts are spoken to
//! over a socket; the fake ones of [`fake`] over memory, on a simulated clock. What a host's nature makes impossible is
//! stated by its [`Abilities`], and [`impossible`] names each scenario that falls away, with the reason.
//!
//! An adapter's test file is one line, `rollmark_tests::conformance!(…)`, and one test that lists what is impossible.

pub mod baresip;
pub mod digest;
pub mod ezk;
pub mod fake;
pub mod message;
pub mod notifier;
pub mod rsip;
mod scenarios;
mod softphone;
pub mod wire;
mod words;

use std::fmt::{Debug, Write as _};
use std::time::{Duration, Instant};

use notifier::{Asked, Body, Form, Notifier};
pub use scenarios::{SCENARIOS, Scenario};
pub use words::words;

/// The conference of all scenarios.
pub const ROOM: &str = "sip:room@example.org";
/// The user of all scenarios.
pub const ALICE: &str = "sip:alice@example.org";
/// How long a message is waited for.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// How long a host may take to end after it was told to stop.
pub const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What a scenario starts a host with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Seconds to ask for.
    pub expires: u32,
    /// T1; Timer N is 64 times that.
    pub t1: Duration,
    /// A local block list.
    pub blocked: Vec<String>,
    /// User name and password for digest challenges.
    pub credentials: Option<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            expires: 3600,
            t1: Duration::from_millis(500),
            blocked: Vec::new(),
            credentials: None,
        }
    }
}

/// A host with an adapter in it, as a scenario sees it.
///
/// Events are told as words: `state active`, `state terminated probation`, `roster`, `joined URI`, `left URI`,
/// `blocked URI`, `deviation CODE`, `ended REASON`; more may follow after a space.
pub trait Host: Debug {
    /// Subscribes to [`ROOM`].
    fn subscribe(&mut self);
    /// Ends that subscription.
    fn unsubscribe(&mut self);
    /// Its network changed: another address, or a connection that is gone.
    fn network_changed(&mut self);
    /// The softphone is closed: every subscription is ended properly, within [`STOP_PATIENCE`].
    fn stop(&mut self);
    /// The next event, or none if none comes within this time.
    fn told(&mut self, within: Duration) -> Option<String>;
    /// Who is there; `!` before the URI of one who is blocked.
    fn roster(&mut self) -> Vec<String>;
    /// After [`Host::stop`]: true as soon as nothing of it runs any more; waits so long for that.
    fn ended(&mut self, within: Duration) -> bool;
    /// All that it said, for the text of a failure.
    fn transcript(&self) -> String;
    /// It lives in real time.
    fn is_real(&self) -> bool {
        true
    }
}

/// What a host's nature allows. True: it can.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// The form of its SUBSCRIBEs.
    pub form: Form,
    /// A refresh can be asked for at any time, not only when the host wants one.
    pub refreshes_on_demand: bool,
    /// The engine chooses the answer to a NOTIFY.
    pub chooses_answer: bool,
    /// The final NOTIFY reaches the engine.
    pub sees_final_notify: bool,
    /// Connections can be lost: it uses TCP here.
    pub connections: bool,
    /// The engine's Timer N decides when a server is dead; else the host's own time-out, of 32 seconds.
    pub own_time_out: bool,
    /// It answers challenges, by itself or through the core.
    pub digest: bool,
}

/// An adapter that is to pass the kit.
pub trait Adapter {
    /// What its host can do.
    fn abilities(&self) -> Abilities;
    /// Starts a host and a notifier that is its outbound proxy.
    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier);
}

/// Host and notifier of one scenario, and what was told so far.
#[derive(Debug)]
pub struct Stage {
    /// The host's side.
    pub host: Box<dyn Host>,
    /// The server's side.
    pub notifier: Notifier,
    /// What the host can do.
    pub abilities: Abilities,
    heard: Vec<String>,
}

impl Stage {
    /// Waits until the host tells an event that begins with these words.
    ///
    /// # Panics
    /// When it does not, within [`PATIENCE`].
    #[track_caller]
    pub fn told(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(line) = self.host.told(left) else {
                panic!("{words:?} was not told; told were {:#?}", self.heard);
            };
            self.heard.push(line.clone());
            let word = |word: &str| word.trim_end_matches([':', ';', ',']).to_owned();
            let mut said = line.split_whitespace().map(word);
            if words
                .split_whitespace()
                .all(|w| said.next().as_deref() == Some(w))
            {
                return line;
            }
        }
    }

    /// Asserts that nothing told so far begins with these words.
    ///
    /// # Panics
    /// When it does.
    #[track_caller]
    pub fn never(&self, words: &str) {
        let heard = self.heard.iter().find(|line| line.starts_with(words));
        assert!(
            heard.is_none(),
            "{words:?} may not be told: {:#?}",
            self.heard
        );
    }

    /// How often this was told.
    pub fn count(&self, words: &str) -> usize {
        self.heard
            .iter()
            .filter(|line| line.starts_with(words))
            .count()
    }

    /// The next SUBSCRIBE.
    ///
    /// # Panics
    /// When none comes within [`PATIENCE`].
    #[track_caller]
    pub fn asked(&mut self, what: &str) -> Asked {
        match self.notifier.poll(PATIENCE) {
            Some(asked) => asked,
            None => panic!("no SUBSCRIBE came: {what}"),
        }
    }

    /// The next SUBSCRIBE, which must make a new dialog.
    ///
    /// # Panics
    /// When it does not, or does not come.
    #[track_caller]
    pub fn asked_anew(&mut self, what: &str) -> Asked {
        let asked = self.asked(what);
        assert!(
            asked.initial,
            "a new dialog is due: {what}: {:#?}",
            asked.message
        );
        asked
    }

    /// The next SUBSCRIBE, which must come in the dialog of this one.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn asked_within(&mut self, dialog: &Asked, what: &str) -> Asked {
        let asked = self.asked(what);
        assert!(
            !asked.initial && asked.call_id() == dialog.call_id(),
            "the same dialog is due: {what}: {:#?}",
            asked.message
        );
        asked
    }

    /// No SUBSCRIBE comes for this long.
    ///
    /// # Panics
    /// When one comes.
    #[track_caller]
    pub fn silent(&mut self, time: Duration) {
        let asked = self.notifier.poll(time);
        assert!(asked.is_none(), "nothing may be asked: {asked:#?}");
    }

    /// Sends a conference-info document; it must be taken.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn notify(&mut self, dialog: &Asked, state: &str, text: &str) {
        let body = (!text.is_empty()).then_some(Body {
            kind: "application/conference-info+xml",
            text,
        });
        let status = self.notifier.notify(dialog, state, body, PATIENCE);
        assert_eq!(status, 200, "a NOTIFY {state} must be taken");
    }

    /// Subscribes, and is notified of bob and eve.
    pub fn active(&mut self) -> Asked {
        self.active_for(3600)
    }

    /// The same for so many seconds.
    pub fn active_for(&mut self, seconds: u32) -> Asked {
        self.host.subscribe();
        let first = self.asked_anew("the first SUBSCRIBE");
        let granted = seconds.to_string();
        self.notifier.respond(&first, 200, &[("Expires", &granted)]);
        let state = format!("active;expires={seconds}");
        self.notify(&first, &state, &document(1, "full", &["bob", "eve"]));
        self.told("state active");
        self.told("roster");
        first
    }

    /// The server's part of an unsubscription, its last NOTIFY included.
    pub fn see_off(&mut self, first: &Asked) {
        let last = self.asked_within(first, "Expires: 0");
        assert_eq!(last.expires, 0, "{:#?}", last.message);
        self.notifier.respond(&last, 200, &[]);
        self.notify_last(first, "");
    }

    /// The final NOTIFY. A host that hides it from the engine answers as it likes.
    pub fn notify_last(&mut self, first: &Asked, text: &str) {
        let state = "terminated;reason=timeout";
        if self.abilities.sees_final_notify {
            self.notify(first, state, text);
        } else {
            self.notifier.notify(first, state, None, PATIENCE);
        }
    }

    /// Stops the host and sees it end.
    pub fn close(&mut self, live: Option<&Asked>) {
        self.host.stop();
        if let Some(first) = live {
            self.see_off(first);
        }
        self.gone();
    }

    /// Waits for the end of the host that was stopped. The server still answers what belongs to dialogs that are over.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`], or asks for something new.
    #[track_caller]
    pub fn gone(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.host.ended(Duration::from_millis(20)) {
            assert!(Instant::now() < deadline, "it did not end");
            if let Some(asked) = self.notifier.poll(Duration::from_millis(5)) {
                // Where the final NOTIFY did not come, such a host says goodbye once more.
                let farewell =
                    self.abilities.form.farewells && !asked.initial && asked.expires == 0;
                assert!(farewell, "nothing may be asked: {:#?}", asked.message);
                self.notifier.respond(&asked, 481, &[]);
            }
        }
    }
}

/// Runs one scenario with one adapter.
///
/// # Panics
/// When the adapter fails it. The text has what was told and what went over the wire.
pub fn run(adapter: &dyn Adapter, scenario: &Scenario) {
    let abilities = adapter.abilities();
    if let Some(reason) = (scenario.impossible)(&abilities) {
        eprintln!("impossible with this host: {}: {reason}", scenario.name);
        return;
    }
    let mut setup = Setup::default();
    (scenario.setup)(&mut setup);
    let (host, notifier) = adapter.start(&setup);
    let mut stage = Stage {
        host,
        notifier,
        abilities,
        heard: Vec::new(),
    };
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (scenario.play)(&mut stage);
    }));
    if let Err(fault) = played {
        let mut text = format!("scenario {}\n", scenario.name);
        for line in &stage.heard {
            let _ = writeln!(text, "told {line}");
        }
        for line in &stage.notifier.seen {
            let _ = writeln!(text, "wire {line}");
        }
        eprintln!("{text}{}", stage.host.transcript());
        std::panic::resume_unwind(fault);
    }
}

/// The scenario of this name.
///
/// # Panics
/// When there is none.
pub fn scenario(name: &str) -> &'static Scenario {
    let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
    found.unwrap_or_else(|| panic!("no scenario {name}"))
}

/// The scenarios that a host makes impossible, each with the ability that it lacks.
pub fn impossible(abilities: &Abilities) -> Vec<(&'static str, &'static str)> {
    let fall_away = |s: &'static Scenario| Some((s.name, (s.impossible)(abilities)?));
    SCENARIOS.iter().filter_map(fall_away).collect()
}

/// A conference-info document with these users, all connected.
pub fn document(version: u32, state: &str, users: &[&str]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\"?>\n<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"{ROOM}\" \
         state=\"{state}\" version=\"{version}\"><users state=\"{state}\">"
    );
    for user in users {
        let _ = write!(
            text,
            "<user entity=\"sip:{user}@example.org\"><endpoint entity=\"sip:{user}@example.org;gr=1\">\
             <status>connected</status></endpoint></user>"
        );
    }
    text + "</users></conference-info>"
}

/// One test a scenario, for an adapter that this expression makes.
#[macro_export]
macro_rules! conformance {
    ($adapter:expr) => {
        $crate::conformance! { $adapter;
            plain_subscription, notify_before_the_response, interval_too_brief, forbidden, challenge,
            wrong_password, accepted_with_202, silence_then_service, accepted_without_notify, pending_first,
            unsubscribe_before_the_answer, refresh_in_time, refresh_answered_481, refresh_answered_500,
            network_change, lost_connection, malformed_body, wrong_type, version_gap, block_list_marks,
            ended_by_the_document, terminated_deactivated, terminated_timeout, terminated_probation,
            terminated_giveup, terminated_rejected, terminated_noresource, terminated_invariant,
            terminated_unknown, unsubscribe_with_final_roster, unsubscribe_with_empty_final_notify,
            unsubscribe_without_final_notify, unsubscribe_answered_481, stop_while_subscribed,
            stop_with_a_dead_server, stop_while_waiting
        }
    };
    ($adapter:expr; $($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                $crate::kit::run(&$adapter, $crate::kit::scenario(stringify!($name)));
            }
        )*
        /// Every scenario of the kit has its test here.
        #[test]
        fn all_scenarios_are_run() {
            let here = [$(stringify!($name)),*];
            let all: Vec<_> = $crate::kit::SCENARIOS.iter().map(|s| s.name).collect();
            assert_eq!(here.as_slice(), all);
        }
    };
}
