//! A softphone that has rsip messages and one UDP socket, with the plugin: an adapter that must pass the kit.

use std::net::Ipv4Addr;

use rollmark_rsip::{Host as RsipHost, Udp};
use tokio::net::UdpSocket;

use super::notifier::{Form, Notifier};
use super::softphone::Softphone;
use super::wire::{Socket, Transport};
use super::{Abilities, Adapter, Host, Setup};

/// The adapter for stacks that speak rsip.
#[derive(Clone, Copy, Debug)]
pub struct Rsip;

impl Adapter for Rsip {
    fn abilities(&self) -> Abilities {
        Abilities {
            form: Form {
                contact_tag: true,
                accept_contact: true,
                farewells: false,
            },
            refreshes_on_demand: true,
            chooses_answer: true,
            sees_final_notify: true,
            connections: false,
            own_time_out: true,
            digest: true,
        }
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let notifier = Notifier::new(Socket::listen(Transport::Udp), self.abilities().form);
        let server = notifier.address().parse().expect("HOST:PORT");
        let host = Softphone::start("rsip", setup, async move |account| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let udp = Udp::new(socket.expect("a port of 127.0.0.1"), Some(server));
            let (host, conferences) = RsipHost::start(account, udp.clone());
            let received = tokio::spawn(async move { udp.serve(&host).await });
            (conferences, received)
        });
        (Box::new(host), notifier)
    }
}
