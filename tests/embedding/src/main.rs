//! A softphone with layers, runtime and accounts of its own, to which rollmark is added by one line.
//!
//! `rollmark-embedding CONFERENCE-OF-ALICE CONFERENCE-OF-BOB`: two accounts on one endpoint; bob has blocked mallory. It
//! tells what happens until its standard input ends.

mod layers;

use std::error::Error;
use std::time::Duration;

use ezk_sip_core::Endpoint;
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
    let mut arguments = std::env::args().skip(1);
    let (Some(of_alice), Some(of_bob)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rollmark-embedding CONFERENCE-OF-ALICE CONFERENCE-OF-BOB".into());
    };

    let mut builder = Endpoint::builder();
    let transport = builder.bind_udp("127.0.0.1:0".parse()?).await?;
    let log = Log::default();
    builder.add_layer(log.clone());
    let (plugin, alice) = ConferencePlugin::new(Account::new(ALICE));
    builder.add_layer(plugin); // the one line
    let answering = Answering::default();
    builder.add_layer(answering.clone());
    let _endpoint = builder.build();
    println!("listening {}", transport.bound());

    let bob = alice.add_account(Account::new(BOB)).await?;
    bob.set_block_list("phone book", blocked("sip:mallory@im.example"));
    let watching = [
        watch("alice", &alice, &of_alice).await?,
        watch("bob", &bob, &of_bob).await?,
    ];

    stdin().read_to_end(&mut Vec::new()).await?;
    alice.stop(PATIENCE).await;
    for told in watching {
        told.await?;
    }
    println!("before the plugin: {}", log.seen());
    println!("after the plugin: {}", answering.seen());
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
