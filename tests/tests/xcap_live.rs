//! A list that changes while a conference is watched: from the XDMS by its notifier to the marks, and nothing of it to the
//! conference (RFC 5875; XDM-73…81, SEC-14, SEC-15, SW-16…18, OMA-15…17).

use std::sync::Arc;

use rollmark_im_server::{Conference, Focus, ImServer, Settings, User};
use rollmark_tests::roster::{entity, events};
use rollmark_tests::watch::Watch;
use rollmark_xdms::{Xdms, xcap_diff};
use tokio::sync::broadcast::error::RecvError;

const ROOM: &str = "sip:room@example.org";
const ALICE: &str = "sip:alice@example.org";

fn uri(name: &str) -> String {
    format!("sip:{name}@example.org")
}

/// A list of these users, and of what a reference leads to.
fn list(names: &[&str], reference: &str) -> String {
    let entries: String = names
        .iter()
        .map(|name| format!("<entry uri=\"{}\"/>", uri(name)))
        .collect();
    format!(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\
         <list name=\"oma_blockedcontacts\">{entries}{reference}</list></resource-lists>"
    )
}

/// Embedded servers, wired.
struct Servers {
    xdms: Arc<Xdms>,
    server: ImServer,
    _focus: Focus,
}

impl Servers {
    async fn start() -> Self {
        let xdms = Arc::new(Xdms::bind("127.0.0.1:0".parse().unwrap()).await.unwrap());
        let server = ImServer::bind(Settings::default()).await.unwrap();
        let room = ["alice", "bob", "eve"]
            .into_iter()
            .fold(Conference::new("Room"), |room, name| {
                room.user(User::connected(uri(name)))
            });
        let focus = server.create_conference(ROOM, room).unwrap();
        let mut changes = xdms.changes();
        let (known, told) = (xdms.clone(), xdms.clone());
        let notifier = server
            .notify_documents(ALICE, move |watched| known.xcap_diff(watched))
            .unwrap();
        tokio::spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(change) => notifier.changed(|watched| {
                        let seen = change.seen_by(watched)?;
                        Some(xcap_diff(told.root(), [&seen]))
                    }),
                    Err(RecvError::Lagged(_)) => {
                        notifier.changed(|watched| Some(told.xcap_diff(watched)));
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self {
            xdms,
            server,
            _focus: focus,
        }
    }

    fn put(&self, user: &str, list: String) {
        self.xdms
            .put("resource-lists", user, "index", list)
            .unwrap();
    }

    fn watch(&self, notifier: &str) -> Watch {
        let server = self.server.udp_addr().to_string();
        Watch::start(&[
            "watch",
            ROOM,
            "--as",
            ALICE,
            "--server",
            &server,
            "--xcap-root",
            self.xdms.root(),
            "--xcap-notifier",
            notifier,
        ])
    }
}

/// XDM-75, XDM-79, XDM-80, OMA-15, SW-18: put on the list, taken off, the list gone, a list referred to changed: each is seen
/// at once, long before the XDMS would have been asked anyway.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_list_is_seen_at_once() {
    let servers = Servers::start().await;
    servers.put(ALICE, list(&["mallory"], ""));
    let mut watch = servers.watch(ALICE);
    let roster = watch.wait_for("the roster", |e| e["event"] == "roster");
    assert!(roster.to_string().contains("\"clear\""), "{roster:#}");
    // The notifier tells what is there as soon as it is asked; what comes after that is a change.
    servers.put(ALICE, list(&["eve"], ""));
    let blocked = watch.wait_user("blocked", &uri("eve"));
    assert_eq!(blocked["user"]["present"], true, "{blocked:#}");

    servers.put(ALICE, list(&[], ""));
    watch.wait_user("unblocked", &uri("eve"));

    let reference = format!(
        "<external anchor=\"{}/resource-lists/users/sip:team@example.org/index/~~/resource-lists/list%5B1%5D\"/>",
        servers.xdms.root()
    );
    servers.put("sip:team@example.org", list(&["bob"], ""));
    servers.put(ALICE, list(&[], &reference));
    watch.wait_user("blocked", &uri("bob"));
    // Only the document that is referred to changes.
    servers.put("sip:team@example.org", list(&["eve"], ""));
    watch.wait_user("blocked", &uri("eve"));

    assert!(servers.xdms.delete("resource-lists", ALICE, "index"));
    watch.wait_user("unblocked", &uri("eve"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    let unblocked = events(&outcome.events, "unblocked").map(|(_, event)| entity(event));
    assert_eq!(
        unblocked.collect::<Vec<_>>(),
        [uri("eve"), uri("bob"), uri("eve")]
    );
    assert_eq!(outcome.ended_reason(), "unsubscribed");
}

/// XDM-79: where there is no notifier one line says so; the roster and its marks are none the worse.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_notifier_the_list_is_in_force_all_the_same() {
    let servers = Servers::start().await;
    servers.put(ALICE, list(&["eve"], ""));
    let mut watch = servers.watch("sip:nobody@example.org");
    watch.wait_user("blocked", &uri("eve"));
    watch.wait_error("there is no such notifier (404)");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    let lines: Vec<_> = outcome
        .stderr
        .iter()
        .filter(|line| line.contains("sip:nobody@example.org"))
        .collect();
    assert_eq!(lines.len(), 1, "{outcome:#?}");
    assert!(lines[0].contains("every 15 minutes"), "{lines:?}");
}
