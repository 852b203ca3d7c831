//! Feature `metrics`: each number moves when its thing happens, and not otherwise; none names anybody; the table has them all.
//!
//! The clock is the test's own; all runs on one thread, which is what a recorder of a test is for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use rollmark::core::digest::Credentials;
use rollmark::core::header;
use rollmark::core::host::{Action, Fact, SendFailure, TransactionId};
use rollmark::core::message::{Headers, Request, Response};
use rollmark::metrics::Kind;
use rollmark::{
    Account, BlockList, Capabilities, Conference, Conferences, Entry, Port, SourceState, Update,
    What,
};
use rollmark_xdm::client::{Settings, Target};
use rollmark_xdm::edit::{Change, edit_xdms};
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::source::{Polling, XdmsSource};
use rollmark_xdm::{Connection, Http, HttpSettings};
use rollmark_xdms::{User, Xdms};

const ROOM: &str = "sip:book-club@secret.example";
/// Of the clock that leaps: a whole life of a subscription, and more.
const DEADLINE: Duration = Duration::from_secs(7200);

/// The numbers since they were last looked at; those of distributions as how many values there were. Gauges stay.
#[derive(Debug, Default)]
struct Numbers {
    counts: BTreeMap<String, f64>,
    times: BTreeMap<String, Vec<f64>>,
}

/// Looks at the numbers.
struct Panel {
    snapshotter: Snapshotter,
    /// A snapshot gives what a gauge has changed by.
    gauges: RefCell<BTreeMap<String, f64>>,
}

impl Panel {
    fn look(&self) -> Numbers {
        let mut numbers = Numbers::default();
        let mut gauges = self.gauges.borrow_mut();
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let mut name = key.key().name().to_owned();
            let labels: Vec<&str> = key.key().labels().map(|label| label.key()).collect();
            assert_eq!(known_labels(&name), Some(&*labels), "{name}");
            for label in key.key().labels() {
                assert_names_nobody(label.value());
                name += &format!(" {}={}", label.key(), label.value());
            }
            match value {
                DebugValue::Counter(0) => {}
                DebugValue::Counter(count) => drop(numbers.counts.insert(name, count as f64)),
                DebugValue::Gauge(change) => *gauges.entry(name).or_default() += change.0,
                DebugValue::Histogram(values) if values.is_empty() => {}
                DebugValue::Histogram(values) => {
                    let values = values.into_iter().map(|value| value.0);
                    numbers.times.insert(name, values.collect());
                }
            }
        }
        let level = gauges.iter().filter(|(_, now)| **now != 0.0);
        numbers
            .counts
            .extend(level.map(|(name, now)| (name.clone(), *now)));
        numbers
    }
}

/// The labels of a number that is in a table of a crate.
fn known_labels(name: &str) -> Option<&'static [&'static str]> {
    let of_plugin = rollmark::metrics::METRICS
        .iter()
        .map(|metric| (metric.name, metric.labels));
    let of_xdm = rollmark_xdm::metrics::METRICS
        .iter()
        .map(|metric| (metric.name, metric.labels));
    of_plugin
        .chain(of_xdm)
        .find(|(known, _)| *known == name)
        .map(|(_, labels)| labels)
}

/// SEC-16: who and what is played here is nowhere in a label.
#[track_caller]
fn assert_names_nobody(value: &str) {
    for secret in [
        "secret.example",
        "alice",
        "bob",
        "book-club",
        "127.0.0.1",
        "192.0.2",
        "http",
        "sip:",
    ] {
        assert!(!value.contains(secret), "{value}");
    }
}

/// A host that the test plays, and the numbers.
struct Stage {
    panel: Panel,
    conferences: Conferences,
    port: Port,
}

/// The server's side of one subscription.
struct Dialog {
    headers: Headers,
    cseq: u32,
    transaction: TransactionId,
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("nothing came in time")
}

impl Stage {
    /// What has moved, and no other.
    #[track_caller]
    fn moved(&self, expected: &[(&str, f64)]) -> Numbers {
        let numbers = self.panel.look();
        let expected: BTreeMap<String, f64> = expected
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        let found: BTreeMap<String, f64> = numbers.counts.clone();
        assert_eq!(found, expected);
        numbers
    }

    async fn sent(&mut self) -> Dialog {
        let action = within(self.port.next_action()).await.expect("a request");
        let Action::Send {
            transaction,
            request,
            ..
        } = action
        else {
            panic!("a transaction host is asked to send: {action:?}");
        };
        assert_eq!(request.method, "SUBSCRIBE");
        Dialog {
            headers: request.headers,
            cseq: 0,
            transaction,
        }
    }

    fn answer(&self, transaction: TransactionId, status: u16) {
        let mut headers = Headers::new();
        headers.push("To", "<sip:book-club@secret.example>;tag=focus");
        headers.push("Contact", "<sip:focus@192.0.2.9>");
        headers.push("Expires", "3600");
        self.port.reporter().fact(Fact::Response {
            transaction,
            response: Response {
                status,
                reason: String::new(),
                headers,
                body: Vec::new(),
            },
        });
    }

    /// The status that the NOTIFY is answered with.
    async fn notify(&self, dialog: &mut Dialog, state: &str, body: &str) -> u16 {
        dialog.cseq += 1;
        let cseq = dialog.cseq;
        self.notify_as(dialog, cseq, state, body).await
    }

    async fn notify_as(&self, dialog: &Dialog, cseq: u32, state: &str, body: &str) -> u16 {
        let mut headers = Headers::new();
        headers.push("From", "<sip:book-club@secret.example>;tag=focus");
        headers.push("To", dialog.headers.get("From").unwrap());
        headers.push("Call-ID", dialog.headers.get("Call-ID").unwrap());
        headers.push("CSeq", format!("{cseq} NOTIFY"));
        headers.push("Contact", "<sip:focus@192.0.2.9>");
        headers.push("Event", "conference");
        headers.push("Subscription-State", state);
        headers.push("Content-Type", "application/conference-info+xml");
        let request = Request {
            method: "NOTIFY".into(),
            uri: "sip:alice@192.0.2.1".into(),
            headers,
            body: body.as_bytes().to_vec(),
        };
        let answering = within(self.port.reporter().request(request)).await;
        answering.expect("it is ours").status
    }

    /// Until the driver has told all that came of what was done.
    async fn settled(conference: &mut Conference, what: impl Fn(&What) -> bool) {
        while !what(&within(conference.next()).await.expect("an event").what) {}
    }
}

/// Plays on a clock that leaps, with a recorder of its own.
fn play<F: Future<Output = ()>>(scene: impl FnOnce(Stage) -> F) {
    measured(true, async |panel| {
        let account = Account::new("sip:alice@secret.example");
        let (conferences, port) = Conferences::start(Capabilities::TRANSACTION, account);
        scene(Stage {
            panel,
            conferences,
            port,
        })
        .await;
    });
}

/// Runs on this thread, with a recorder of its own.
fn measured(leaping: bool, run: impl AsyncFnOnce(Panel)) {
    let recorder = DebuggingRecorder::new();
    let panel = Panel {
        snapshotter: recorder.snapshotter(),
        gauges: RefCell::default(),
    };
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .enable_io()
            .start_paused(leaping)
            .build()
            .expect("a runtime");
        runtime.block_on(run(panel));
    });
}

fn document(version: u32, state: &str, user: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='{ROOM}' state='{state}' version='{version}'>\
         <users state='{state}'><user entity='sip:{user}@secret.example'/></users></conference-info>"
    )
}

const ACTIVE: &str = "active;expires=3600";

/// A subscription from its beginning to its end: what moves at each step, and nothing else.
#[test]
fn each_number_moves_when_its_thing_happens() {
    play(|mut stage| async move {
        stage.moved(&[]);
        let mut conference = stage.conferences.subscribe(ROOM).await.unwrap();
        let mut dialog = stage.sent().await;
        Stage::settled(&mut conference, |what| matches!(what, What::State(_))).await;
        let subscribing = "rollmark_subscriptions package=conference state=subscribing";
        stage.moved(&[
            ("rollmark_subscribes_total", 1.0),
            ("rollmark_events_total", 1.0),
            (subscribing, 1.0),
        ]);

        stage.answer(dialog.transaction, 200);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let status = stage
            .notify(&mut dialog, ACTIVE, &document(1, "full", "bob"))
            .await;
        assert_eq!(status, 200);
        Stage::settled(&mut conference, |what| matches!(what, What::Roster(_))).await;
        let active = "rollmark_subscriptions package=conference state=active";
        let numbers = stage.moved(&[
            ("rollmark_notifies_total status=200", 1.0),
            ("rollmark_events_total", 2.0),
            (active, 1.0),
        ]);
        assert_eq!(numbers.times["rollmark_first_roster_seconds"], [3.0]);

        // A user comes: a NOTIFY, an event, and no second first roster.
        stage
            .notify(&mut dialog, ACTIVE, &document(2, "partial", "carol"))
            .await;
        Stage::settled(&mut conference, |what| {
            matches!(what, What::Listed(_) | What::Joined(_))
        })
        .await;
        let numbers = stage.moved(&[
            ("rollmark_notifies_total status=200", 1.0),
            ("rollmark_events_total", 1.0),
            (active, 1.0),
        ]);
        assert!(numbers.times.is_empty(), "{numbers:?}");

        // One is lost on the way: a gap, which the whole state is asked for.
        stage
            .notify(&mut dialog, ACTIVE, &document(4, "partial", "dave"))
            .await;
        let refresh = stage.sent().await;
        Stage::settled(&mut conference, |what| {
            matches!(what, What::Deviation { .. })
        })
        .await;
        stage.moved(&[
            ("rollmark_notifies_total status=200", 1.0),
            ("rollmark_gaps_total", 1.0),
            ("rollmark_deviations_total code=version-gap", 1.0),
            ("rollmark_resyncs_total", 1.0),
            ("rollmark_refreshes_total", 1.0),
            ("rollmark_events_total", 2.0),
            (active, 1.0),
        ]);
        stage.answer(refresh.transaction, 200);
        stage
            .notify(&mut dialog, ACTIVE, &document(4, "full", "dave"))
            .await;
        Stage::settled(&mut conference, |what| matches!(what, What::State(_))).await;
        stage.panel.look();

        // Once more: it counts, and the deviation has been told.
        stage
            .notify(&mut dialog, ACTIVE, &document(7, "partial", "erin"))
            .await;
        let refresh = stage.sent().await;
        stage.answer(refresh.transaction, 200);
        Stage::settled(&mut conference, |what| matches!(what, What::State(_))).await;
        stage.moved(&[
            ("rollmark_notifies_total status=200", 1.0),
            ("rollmark_gaps_total", 1.0),
            ("rollmark_resyncs_total", 1.0),
            ("rollmark_refreshes_total", 1.0),
            ("rollmark_events_total", 1.0),
            (active, 1.0),
        ]);
        stage
            .notify(&mut dialog, ACTIVE, &document(7, "full", "erin"))
            .await;
        Stage::settled(&mut conference, |what| matches!(what, What::State(_))).await;
        stage.panel.look();

        // A NOTIFY that cannot be taken.
        let status = stage.notify_as(&dialog, 1, ACTIVE, "").await;
        assert_eq!(status, 500);
        Stage::settled(&mut conference, |what| {
            matches!(what, What::Deviation { .. })
        })
        .await;
        stage.moved(&[
            ("rollmark_notifies_total status=500", 1.0),
            ("rollmark_deviations_total code=cseq-order", 1.0),
            ("rollmark_events_total", 1.0),
            (active, 1.0),
        ]);

        // The life is renewed: a refresh, which is no resync.
        let refresh = stage.sent().await;
        stage.answer(refresh.transaction, 200);
        stage
            .notify(&mut dialog, ACTIVE, &document(7, "full", "erin"))
            .await;
        stage.moved(&[
            ("rollmark_refreshes_total", 1.0),
            ("rollmark_notifies_total status=200", 1.0),
            (active, 1.0),
        ]);

        // The way breaks.
        stage.port.reporter().fact(Fact::FlowLost);
        let refresh = stage.sent().await;
        stage.answer(refresh.transaction, 200);
        stage
            .notify(&mut dialog, ACTIVE, &document(7, "full", "erin"))
            .await;
        let numbers = stage.panel.look().counts;
        for (name, count) in [
            ("rollmark_recoveries_total", 1.0),
            ("rollmark_refreshes_total", 1.0),
            (active, 1.0),
        ] {
            assert_eq!(numbers.get(name), Some(&count), "{name} {numbers:?}");
        }
        assert!(
            !numbers.contains_key("rollmark_resyncs_total"),
            "{numbers:?}"
        );

        // The end.
        conference.unsubscribe();
        let last = stage.sent().await;
        assert_eq!(
            last.headers.get("Expires").and_then(header::delta_seconds),
            Some(0)
        );
        stage.answer(last.transaction, 200);
        stage
            .notify(&mut dialog, "terminated;reason=timeout", "")
            .await;
        Stage::settled(&mut conference, |what| matches!(what, What::Ended { .. })).await;
        let numbers = stage.panel.look().counts;
        for (name, count) in [
            ("rollmark_unsubscribes_total", 1.0),
            ("rollmark_ended_total reason=unsubscribed", 1.0),
        ] {
            assert_eq!(numbers.get(name), Some(&count), "{name} {numbers:?}");
        }
        assert!(
            !numbers
                .keys()
                .any(|name| name.starts_with("rollmark_subscriptions")),
            "{numbers:?}"
        );
    });
}

/// A server that is not there: the subscription is stale or being made, and ends for its reason.
#[test]
fn a_subscription_that_comes_to_nothing_is_counted() {
    play(|mut stage| async move {
        let mut conference = stage.conferences.subscribe(ROOM).await.unwrap();
        let first = stage.sent().await;
        stage.port.reporter().fact(Fact::Failed {
            transaction: first.transaction,
            failure: SendFailure::NoAnswer,
        });
        let second = stage.sent().await;
        stage.answer(second.transaction, 403);
        Stage::settled(&mut conference, |what| matches!(what, What::Ended { .. })).await;
        let numbers = stage.panel.look();
        assert_eq!(numbers.counts.get("rollmark_subscribes_total"), Some(&2.0));
        assert_eq!(
            numbers.counts.get("rollmark_ended_total reason=forbidden"),
            Some(&1.0)
        );
        assert!(numbers.times.is_empty(), "{numbers:?}");
    });
}

/// SUB-32: a consumer that does not read: what he misses is counted, and that he fell behind, once.
#[test]
fn a_consumer_that_falls_behind_is_counted() {
    play(|mut stage| async move {
        let mut conference = stage.conferences.subscribe(ROOM).await.unwrap();
        let mut dialog = stage.sent().await;
        stage.answer(dialog.transaction, 200);
        stage
            .notify(&mut dialog, ACTIVE, &document(1, "full", "user1"))
            .await;
        for version in 2..2000 {
            stage
                .notify(
                    &mut dialog,
                    ACTIVE,
                    &document(version, "partial", &format!("user{version}")),
                )
                .await;
        }
        let numbers = stage.panel.look().counts;
        assert_eq!(
            numbers.get("rollmark_consumers_lagged_total"),
            Some(&1.0),
            "{numbers:?}"
        );
        let [queued, dropped] = ["rollmark_events_total", "rollmark_events_dropped_total"]
            .map(|name| numbers.get(name).copied().unwrap_or_default());
        assert!(queued > 1000.0 && dropped > 900.0, "{numbers:?}");
        // He reads on, and gets state and roster: no more is dropped.
        for _ in 0..queued as usize {
            within(conference.next()).await.unwrap();
        }
        Stage::settled(&mut conference, |what| matches!(what, What::Roster(_))).await;
        let numbers = stage.panel.look().counts;
        assert!(
            !numbers.contains_key("rollmark_events_dropped_total"),
            "{numbers:?}"
        );
    });
}

/// Reports of block lists by their state; and the gauge is level when the plugin goes away.
#[test]
fn block_lists_and_the_end_of_the_plugin_are_counted() {
    play(|mut stage| async move {
        let update = |state, uris: &[&str]| Update {
            state,
            list: Some(BlockList {
                entries: uris
                    .iter()
                    .map(|uri| Entry {
                        uri: (*uri).into(),
                        list: None,
                        rule: None,
                    })
                    .collect(),
                complete: true,
                rules: None,
            }),
            etag: None,
        };
        let conference = stage.conferences.subscribe(ROOM).await.unwrap();
        let dialog = stage.sent().await;
        stage.conferences.set_block_list(
            "mine",
            update(SourceState::Fresh, &["sip:bob@secret.example"]),
        );
        stage
            .conferences
            .set_block_list("mine", update(SourceState::Empty, &[]));
        stage
            .conferences
            .set_block_list("theirs", update(SourceState::Unavailable, &[]));
        // The driver takes its commands in order.
        let other = stage
            .conferences
            .subscribe("sip:other@secret.example")
            .await
            .unwrap();
        let numbers = stage.panel.look().counts;
        for state in ["fresh", "empty", "unavailable"] {
            let name = format!("rollmark_block_list_reports_total state={state}");
            assert_eq!(numbers.get(&name), Some(&1.0), "{numbers:?}");
        }
        let Stage { panel, port, .. } = stage;
        drop((dialog, port, conference, other));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let numbers = panel.look().counts;
        assert!(
            !numbers
                .keys()
                .any(|name| name.starts_with("rollmark_subscriptions")),
            "{numbers:?}"
        );
    });
}

const ME: &str = "sip:alice@secret.example";
const LISTS: &str = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='oma_blockedcontacts'>\
    <entry uri='sip:bob@secret.example'/></list></resource-lists>";

/// Requests to an XDMS by method and status, and how old a list is when it is asked for again.
#[test]
fn requests_to_an_xdms_are_measured() {
    measured(false, async |panel| {
        let settings = rollmark_xdms::Settings {
            users: vec![User::new("alice", "sesame").xui(ME)],
            ..rollmark_xdms::Settings::new(([127, 0, 0, 1], 0).into())
        };
        let server = Xdms::start(settings).await.expect("an XDMS");
        server
            .put("resource-lists", ME, "index", LISTS)
            .expect("a document");
        let connection = |password: &str| {
            let http = Http::new(&HttpSettings::default()).expect("a client");
            let credentials = Credentials {
                username: "alice".into(),
                password: password.into(),
            };
            let settings = Settings {
                credentials: Some(credentials),
                ..Settings::default()
            };
            Connection::new(http, settings)
        };
        let root = XcapRoot::parse(server.root()).expect("a root");
        let lists = DocumentSelector::resource_lists(root.clone(), ME).expect("a document");
        let mut source = XdmsSource::new(connection("sesame"), lists, Polling::default());
        let control = source.control();
        assert_eq!(source.next().await.state, SourceState::Fresh);
        let times = panel.look().times;
        let expected = [
            "rollmark_xcap_request_seconds method=GET status=2xx",
            "rollmark_xcap_request_seconds method=GET status=401",
        ];
        // There was no list that could have an age.
        assert_eq!(times.keys().collect::<Vec<_>>(), expected);
        assert!(
            times
                .values()
                .all(|times| times.len() == 1 && times[0] < 60.0),
            "{times:?}"
        );

        // Word of a change: it is asked for again, and has an age by then.
        server
            .put("resource-lists", ME, "index", LISTS.replace("bob", "carol"))
            .expect("a document");
        control.changed();
        assert_eq!(source.next().await.state, SourceState::Fresh);
        let times = panel.look().times;
        assert_eq!(
            times["rollmark_xcap_list_age_seconds auid=resource-lists"].len(),
            1
        );
        assert_eq!(
            times["rollmark_xcap_request_seconds method=GET status=2xx"].len(),
            1
        );

        // A node that is not there, and a server that is not.
        let rules = DocumentSelector::user(
            root,
            "org.openmobilealliance.access-rules",
            ME,
            "access-rules",
        )
        .expect("a document");
        let found = connection("sesame")
            .get(Target::document(&rules))
            .await
            .expect("an answer");
        assert!(found.is_none());
        assert_eq!(
            panel.look().times["rollmark_xcap_request_seconds method=GET status=404"].len(),
            1
        );
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let nobody = free.local_addr().expect("an address");
        drop(free);
        let root = XcapRoot::parse(&format!("http://{nobody}")).expect("a root");
        let gone = DocumentSelector::resource_lists(root, ME).expect("a document");
        assert!(
            connection("sesame")
                .get(Target::document(&gone))
                .await
                .is_err()
        );
        assert_eq!(
            panel.look().times["rollmark_xcap_request_seconds method=GET status=none"].len(),
            1
        );

        // A write.
        let mut writer = connection("sesame");
        let lists =
            DocumentSelector::resource_lists(XcapRoot::parse(server.root()).expect("a root"), ME)
                .expect("a document");
        let edited = edit_xdms(
            &mut writer,
            &lists,
            Change::Block,
            "sip:dave@secret.example",
        )
        .await;
        assert!(edited.expect("an edit").changed);
        assert_eq!(
            panel.look().times["rollmark_xcap_request_seconds method=PUT status=2xx"].len(),
            1
        );
    });
}

/// The documented table is that of the crates; what is told to a recorder is, too.
#[test]
fn the_table_has_every_number() {
    let text = include_str!("../../docs/metrics.md");
    let labels = |labels: &[&str]| match labels {
        [] => "-".to_owned(),
        labels => labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let of_plugin = rollmark::metrics::METRICS.iter().map(|metric| {
        let (kind, unit) = match metric.kind {
            Kind::Counter => ("counter", "count"),
            Kind::Gauge => ("gauge", "count"),
            Kind::Histogram => ("histogram", "seconds"),
        };
        format!(
            "| `{}` | {kind} | {unit} | {} | {} |",
            metric.name,
            labels(metric.labels),
            metric.meaning
        )
    });
    let of_xdm = rollmark_xdm::metrics::METRICS.iter().map(|metric| {
        format!(
            "| `{}` | histogram | seconds | {} | {} |",
            metric.name,
            labels(metric.labels),
            metric.meaning
        )
    });
    let due: Vec<String> = of_plugin.chain(of_xdm).collect();
    let shown: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert_eq!(
        shown,
        due,
        "docs/metrics.md is out of date; its rows have to be:\n{}",
        due.join("\n")
    );

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        rollmark::metrics::describe();
        rollmark_xdm::metrics::describe();
        // What was never counted is not in a snapshot.
        metrics::counter!("rollmark_gaps_total").increment(1);
    });
    let told = snapshotter.snapshot().into_vec();
    let (_, unit, meaning, _) = told.first().expect("a number");
    assert_eq!(*unit, Some(metrics::Unit::Count));
    assert!(
        meaning
            .as_ref()
            .is_some_and(|meaning| meaning.contains("missed")),
        "{meaning:?}"
    );
}
