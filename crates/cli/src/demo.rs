//! `rollmark demo`: an IM conference on embedded servers, played to the real client over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rollmark::Account;
use rollmark_im_server::network::LossyLink;
use rollmark_im_server::{
    Conference, Disconnection, DisconnectionMethod, FinalDocument, Focus, ImServer, Ims, Status,
    User,
};
use rollmark_ua::{Registering, Settings, Transport, UserAgent, register};
use rollmark_xdm::HttpSettings;
use rollmark_xdm::edit::Change;
use rollmark_xdm::source::{Polling, Reading};
use rollmark_xdms::{Xdms as EmbeddedXdms, xcap_diff};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

use crate::args::{Demo, DemoMode};
use crate::documents;
use crate::fault::{Fault, Place};
use crate::record::{self, Recording};
use crate::screen::edit::{self, Lists};
use crate::show::Show;
use crate::source::{self, FirstNews, Xdms, XdmsInUse};

const ROOM: &str = "sip:book-club@im.example";
const ME: &str = "sip:alice@im.example";
/// The Service-Route of the IMS core that the demo plays.
const S_CSCF: &str = "sip:orig@scscf.im.example;lr";

fn uri(name: &str) -> String {
    format!("sip:{name}@im.example")
}

fn person(name: &str) -> User {
    let mut display = name.to_owned();
    display[..1].make_ascii_uppercase();
    User::connected(uri(name)).display_text(display)
}

/// Alice's document on the XDMS.
fn block_list(names: &[&str]) -> String {
    let entries: String = names
        .iter()
        .map(|name| format!(r#"<entry uri="{}"/>"#, uri(name)))
        .collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="oma_blockedcontacts">{entries}</list></resource-lists>"#
    )
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Fault {
    move |error| Fault::Demo {
        what,
        error: error.to_string(),
    }
}

/// Runs the command.
pub(crate) async fn run(args: &Demo) -> Result<(), Fault> {
    let recording = args.record.start()?;
    let outcome = run_recorded(args, recording.as_ref()).await;
    Recording::end(recording).await;
    outcome
}

async fn run_recorded(args: &Demo, recording: Option<&Recording>) -> Result<(), Fault> {
    let pace = Duration::from_secs_f64(args.pace);
    crate::stop::listen();
    let (show, wishes) = Show::new(args.json, args.plain, ROOM);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));

    let embedded = EmbeddedXdms::bind(loopback).await.map_err(failed("XDMS"))?;
    let embedded = Arc::new(embedded);
    put(&embedded, &["mallory", "trudy"])?;
    let is_ims = args.mode == DemoMode::Ims;
    let settings = rollmark_im_server::Settings {
        ims: is_ims.then(|| Ims {
            associated: vec![ME.into(), "tel:+15550100".into()],
            service_route: S_CSCF.into(),
        }),
        ..rollmark_im_server::Settings::default()
    };
    let server = ImServer::bind(settings)
        .await
        .map_err(failed("IM server"))?;
    let link = LossyLink::bind(server.udp_addr())
        .await
        .map_err(failed("test network"))?;
    server.advertise_udp(link.addr());
    let opening = ["alice", "bob", "carol", "mallory"]
        .into_iter()
        .fold(Conference::new("Which book next?"), |room, name| {
            room.user(person(name))
        });
    wire(&server, embedded.clone())?;
    let focus = server
        .create_conference(ROOM, opening)
        .map_err(failed("IM server"))?;

    let core = match args.mode {
        DemoMode::Sip => "IM server",
        DemoMode::Ims => "IMS core",
    };
    show.say(&format!(
        "A conference {ROOM} on an embedded {core}, watched by {ME},\nwho has blocked mallory and trudy on an embedded XDMS.\n"
    ));
    let mut account = Account::new(ME);
    if is_ims {
        account.profile = Box::new(rollmark::Ims::default());
    }
    let settings = Settings {
        server: Some(link.addr().to_string()),
        transport: Transport::Udp,
        ca: None,
    };
    let recorder = recording.map(Recording::recorder);
    let agent = record::agent(settings, account, recorder).await?;
    let conferences = &agent.conferences;
    let registering = match is_ims {
        true => Some(registered(&agent).await?),
        false => None,
    };
    let mut news = FirstNews::default();
    let list = Xdms {
        root: embedded.root(),
        xui: ME,
        client: rollmark_xdm::client::Settings::default(),
        http: HttpSettings::default(),
        polling: Polling::default(),
        reading: Reading::default(),
        ims: is_ims,
        cache: None,
        recorder: recorder.cloned(),
        only_lists: true,
    };
    let (sources, followed, in_use) = source::xdms(&list, &mut news)?;
    let lists = Lists {
        xdms: Some(in_use.clone()),
        ..Lists::default()
    };
    let editing = edit::run(wishes.map(|wishes| wishes.edits), lists);
    for source in sources {
        conferences.add_source(source);
    }
    news.wait().await;
    show.messages(conferences);
    let conference = conferences.subscribe(ROOM).await?;
    let place = Place {
        conference: ROOM,
        server: None,
        user: None,
    };
    let following = tokio::spawn(documents::follow(
        conferences.clone(),
        ME.to_owned(),
        followed,
    ));
    let watching = crate::watch::follow(
        conferences,
        conference,
        show,
        &place,
        crate::watch::stopped(None),
        None,
    );
    // The play goes on while the client watches; its last step ends the conference, and with it the watching.
    let play = async {
        play(&focus, &link, &in_use, pace).await?;
        std::future::pending::<Result<(), Fault>>().await
    };
    let outcome = tokio::select! {
        watched = watching => watched,
        played = play => played,
        () = editing => Ok(()),
    };
    documents::end(following, conferences).await;
    if let Some(registering) = registering {
        registering.deregister(crate::watch::PATIENCE).await;
    }
    outcome
}

/// Registers with the IMS core that the demo plays; the plugin is told.
async fn registered(agent: &UserAgent) -> Result<Registering, Fault> {
    let failed = |fault| Fault::Register {
        server: "the demo's own core".into(),
        fault,
    };
    let settings = register::Settings::new(ME);
    let mut registering = agent.register(settings, None).map_err(failed)?;
    registering.settled().await.map_err(failed)?;
    registering.feed(&agent.conferences);
    Ok(registering)
}

/// Feeds the IM server's notifier with the changes of the XDMS (RFC 5875).
fn wire(server: &ImServer, xdms: Arc<EmbeddedXdms>) -> Result<(), Fault> {
    let mut changes = xdms.changes();
    let known = xdms.clone();
    let notifier = server
        .notify_documents(ME, move |watched| known.xcap_diff(watched))
        .map_err(failed("notifier"))?;
    tokio::spawn(async move {
        loop {
            match changes.recv().await {
                Ok(change) => notifier.changed(|watched| {
                    let seen = change.seen_by(watched)?;
                    Some(xcap_diff(xdms.root(), [&seen]))
                }),
                Err(RecvError::Lagged(_)) => {
                    notifier.changed(|watched| Some(xdms.xcap_diff(watched)));
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
    Ok(())
}

fn put(xdms: &EmbeddedXdms, names: &[&str]) -> Result<(), Fault> {
    xdms.put("resource-lists", ME, "index", block_list(names))
        .map(drop)
        .map_err(failed("XDMS"))
}

/// The script: eight users in all, a step every `pace`.
async fn play(
    focus: &Focus,
    link: &LossyLink,
    lists: &XdmsInUse,
    pace: Duration,
) -> Result<(), Fault> {
    let oops = failed::<rollmark_im_server::FocusError>;
    let mut watchers = focus.subscribers().map_err(oops("focus"))?;
    let _ = watchers.wait_for(|count| *count > 0).await;
    sleep(pace).await;
    focus.join(person("dave")).map_err(oops("focus"))?;
    sleep(pace).await;
    // On the block list since before he came.
    focus.join(person("trudy")).map_err(oops("focus"))?;
    sleep(pace).await;
    focus
        .set_subject("The one with the whale")
        .map_err(oops("focus"))?;
    sleep(pace).await;
    // Present, and put on the list: marked without a word from the conference, for the XDMS's notifier tells at once.
    let (_, edited) = lists.edit(Change::Block, &uri("carol")).await;
    edited.map_err(failed("XDMS"))?;
    sleep(pace).await;
    let bob = uri("bob");
    focus
        .set_status(
            &bob,
            &format!("{bob};gr=1"),
            Status::Disconnected,
            Some(Disconnection {
                method: DisconnectionMethod::Departed,
                reason: None,
            }),
        )
        .map_err(oops("focus"))?;
    sleep(pace).await;
    // This notification is dropped by the network, retransmissions and all; the next one shows the gap.
    link.lose_next_notify();
    focus
        .change(|room| {
            room.remove(&uri("trudy"))?;
            room.join(person("erin"))
        })
        .map_err(oops("focus"))?;
    link.wait_lost(1).await;
    sleep(pace).await;
    focus.join(person("frank")).map_err(oops("focus"))?;
    sleep(pace).await;
    focus
        .boot(&uri("mallory"), Some("Spoilers"))
        .map_err(oops("focus"))?;
    sleep(pace).await;
    focus.remove(&uri("dave")).map_err(oops("focus"))?;
    sleep(pace).await;
    focus.notify_full().map_err(oops("focus"))?;
    sleep(pace).await;
    focus.end(FinalDocument::None).map_err(oops("focus"))?;
    Ok(())
}
