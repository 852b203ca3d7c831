//! A softphone with layers, dialogs, registration and digest, runtime and accounts of its own, to which rollmark is added by one line.
//!
//! `rollmark-embedding before|after REGISTRAR CONFERENCE-OF-ALICE CONFERENCE-OF-BOB`: two accounts on one endpoint; bob has blocked
//! mallory. The `DialogLayer` of ezk-sip-ua stands before or after the plugin. It tells what happens until its standard input ends.

mod layers;

use std::error::Error;
use std::time::Duration;

use ezk_sip_auth::{DigestAuthenticator, DigestCredentials, DigestUser};
use ezk_sip_core::Endpoint;
use ezk_sip_types::Method;
use ezk_sip_ua::dialog::DialogLayer;
use ezk_sip_ua::{RegistrarConfig, Registration};
use layers::{Answering, Log};
use rollmark::core::blocklist::{Mark, plain};
use rollmark::{Account, Conference, Conferences, Row, SourceState, Update, What};
use rollmark_ezk::ConferencePlugin;
use tokio::io::{AsyncReadExt, stdin};

const ALICE: &str = "sip:alice@im.example";
const BOB: &str = "sip:bob@im.example";
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, registrar, of_alice, of_bob] = &arguments[..] else {
        return Err("usage: rollmark-embedding before|after REGISTRAR CONFERENCE-OF-ALICE CONFERENCE-OF-BOB".into());
    };

    let mut builder = Endpoint::builder();
    // ezk-sip-ua wants both to register.
    builder.add_allow(Method::NOTIFY);
    builder.add_supported("path");
    let transport = builder.bind_udp("127.0.0.1:0".parse()?).await?;
    let log = Log::default();
    builder.add_layer(log.clone());
    if place == "before" {
        builder.add_layer(DialogLayer::default());
    }
    let (plugin, alice) = ConferencePlugin::new(Account::new(ALICE));
    builder.add_layer(plugin); // the one line
    if place != "before" {
        builder.add_layer(DialogLayer::default());
    }
    let answering = Answering::new(format!("sip:alice@{}", transport.bound()).parse()?);
    builder.add_layer(answering.clone());
    let endpoint = builder.build();
    println!("listening {}", transport.bound());

    let mut credentials = DigestCredentials::new();
    credentials.set_default(DigestUser::new("alice", "secret"));
    let registered = Registration::register(
        endpoint.clone(),
        RegistrarConfig::new("alice".into(), registrar.parse()?),
        DigestAuthenticator::new(credentials),
    );
    let _registered = registered.await?;
    println!("registered");

    let bob = alice.add_account(Account::new(BOB)).await?;
    bob.set_block_list("phone book", blocked("sip:mallory@im.example"));
    let watching = [
        watch("alice", &alice, of_alice).await?,
        watch("bob", &bob, of_bob).await?,
    ];

    stdin().read_to_end(&mut Vec::new()).await?;
    alice.stop(PATIENCE).await;
    for told in watching {
        told.await?;
    }
    println!("before the plugin: {}", log.seen());
    println!("after the plugin: {}", answering.seen());
    println!("in dialogs of its own: {}", answering.seen_in_dialogs());
    Ok(())
}

fn blocked(uris: &str) -> Update {
    Update {
        state: SourceState::Fresh,
        list: Some(plain::parse(uris)),
        etag: None,
    }
}

async fn watch(
    who: &'static str,
    conferences: &Conferences,
    uri: &str,
) -> Result<tokio::task::JoinHandle<()>, Box<dyn Error>> {
    let conference = conferences.subscribe(uri).await?;
    Ok(tokio::spawn(tell(who, conference)))
}

async fn tell(who: &'static str, mut conference: Conference) {
    let name = |row: &Row| {
        let blocked = match row.mark {
            Mark::Blocked(_) => " BLOCKED",
            _ => "",
        };
        format!("{}{blocked}", row.user.entity())
    };
    while let Some(event) = conference.next().await {
        match event.what {
            What::Roster(rows) if !rows.is_empty() => {
                let mut names: Vec<_> = rows.iter().map(name).collect();
                names.sort();
                println!("{who} sees {}", names.join(", "));
            }
            What::Joined(row) => println!("{who} sees join {}", name(&row)),
            What::Ended { reason, .. } => println!("{who} ended {}", reason.as_str()),
            _ => {}
        }
    }
}
