//! Who is in a conference, watched by a softphone that has rsip and one UDP socket.
//!
//! `cargo run -p rollmark-rsip --example watch` plays the conference on the embedded IM server; with `URI SERVER` it
//! watches that conference by way of that server (`HOST:PORT`).

use std::time::Duration;

use rollmark::{Account, Conferences, What};
use rollmark_im_server::{Conference, Focus, ImServer, Settings, User};
use rollmark_rsip::{Host, Udp};
use tokio::net::UdpSocket;

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    if let (Some(uri), Some(server)) = (arguments.next(), arguments.next()) {
        let server = tokio::net::lookup_host(&server).await?.next();
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        return watch(&uri, Udp::new(socket, server), None).await;
    }
    let im = ImServer::bind(Settings::default()).await?;
    let uri = format!("sip:book-club@{}", im.udp_addr());
    let users = Conference::new("Which book next?")
        .user(User::connected("sip:alice@im.example"))
        .user(User::connected("sip:bob@im.example"));
    let focus = im.create_conference(&uri, users)?;
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    watch(&uri, Udp::new(socket, None), Some(focus)).await
}

async fn watch(
    uri: &str,
    udp: Udp,
    focus: Option<Focus>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (host, conferences) = Host::start(Account::new("sip:alice@im.example"), udp.clone());
    let receiving = tokio::spawn(async move { udp.serve(&host).await });

    let mut conference = conferences.subscribe(uri).await?;
    while let Some(event) = conference.next().await {
        match event.what {
            What::Roster(rows) if !rows.is_empty() => {
                println!("{} users are here", rows.len());
                if let Some(focus) = &focus {
                    focus.join(User::connected("sip:carol@im.example"))?;
                }
            }
            What::Joined(row) => {
                println!("{} joined", row.user.entity());
                stop(&conferences, focus.is_some());
            }
            What::Left { row, .. } => println!("{} left", row.user.entity()),
            What::State(state) => println!("{}", state.shown.as_str()),
            What::Ended { reason, .. } => println!("ended: {}", reason.as_str()),
            _ => {}
        }
    }
    receiving.abort();
    Ok(())
}

/// The played conference is over once somebody has joined.
fn stop(conferences: &Conferences, played: bool) {
    if played {
        let conferences = conferences.clone();
        tokio::spawn(async move { conferences.stop(PATIENCE).await });
    }
}
