//! What is logged and shown at the most talkative level: no list, no entry, no password (SEC-14, SEC-12).
#![cfg(feature = "reqwest")]

mod server;

use std::io::Write;
use std::sync::{Arc, Mutex};

use rollmark_core::digest::Credentials;
use rollmark_xdm::client::Settings;
use rollmark_xdm::edit::{Change, edit_file, edit_xdms};
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::source::{Polling, XdmsSource};
use rollmark_xdm::{Connection, Http, HttpSettings};
use server::{DEADLINE, Server, document, reply};

/// All that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_lists_nor_passwords_are_logged_or_shown() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || sink.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let challenge = "WWW-Authenticate: Digest realm=\"home\", nonce=\"n1\", qop=\"auth\"";
    let server = Server::start([
        reply("401 Unauthorized", &[challenge], ""),
        document("e1", &["sip:mallory@x"]),
        // block: an entry is put, refused, and refused again
        document("e1", &["sip:mallory@x"]),
        reply("409 Conflict", &[], "<a uri='sip:mallory@x'/>"),
        document("e1", &["sip:mallory@x"]),
        reply("503 Later", &[], "sip:mallory@x"),
        // unblock
        document("e1", &["sip:mallory@x"]),
        reply("403 Forbidden", &[], ""),
        // and what cannot be read
        reply("200 OK", &[], "<a uri='sip:mallory@x'>"),
    ])
    .await;
    let settings = Settings {
        credentials: Some(Credentials {
            username: "alice".into(),
            password: "pa55".into(),
        }),
        ..Settings::default()
    };
    let http = Http::new(&HttpSettings::default()).unwrap();
    let mut connection = Connection::new(http, settings.clone());
    let root = XcapRoot::parse(&server.root.replace("http://", "http://u:s3cret@")).unwrap();
    let selector = DocumentSelector::resource_lists(root, "sip:alice@x").unwrap();
    let mut source = XdmsSource::new(connection.clone(), selector.clone(), Polling::default());
    let mut shown = format!("{settings:?} {connection:?}");
    tokio::time::timeout(DEADLINE, source.next()).await.unwrap();
    shown += &format!("{source:?}");
    for change in [Change::Block, Change::Block, Change::Unblock] {
        let uri = match change {
            Change::Block => "sip:trudy@x",
            Change::Unblock => "sip:mallory@x",
        };
        let edit = edit_xdms(&mut connection, &selector, change, uri);
        let error = tokio::time::timeout(DEADLINE, edit)
            .await
            .unwrap()
            .unwrap_err();
        shown += &format!("{error} {error:?} {connection:?}");
    }
    let mut broken = XdmsSource::new(connection, selector, Polling::default());
    tokio::time::timeout(DEADLINE, broken.next()).await.unwrap();
    shown += &format!("{broken:?} {:?}", broken.last_error());
    let missing = std::path::Path::new("/no/such/folder/list");
    let error = edit_file(missing, Change::Block, "sip:trudy@x", None).unwrap_err();
    shown += &format!("{error} {error:?}");

    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(!logged.is_empty(), "the log is looked at");
    for (what, text) in [("logged", &logged), ("shown", &shown)] {
        for secret in [
            "mallory",
            "trudy",
            "pa55",
            "s3cret",
            "response=",
            "Digest username",
        ] {
            let at = text
                .find(secret)
                .map(|at| text.get(at.saturating_sub(200)..).unwrap_or(text));
            assert_eq!(at, None, "{secret} was {what}");
        }
    }
}
