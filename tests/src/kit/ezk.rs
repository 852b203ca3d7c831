//! ezk with the plugin, as the reference user agent runs it: an adapter that must pass the kit.

use rollmark_ua::UserAgent;

use super::notifier::{Form, Notifier};
use super::softphone::Softphone;
use super::wire::{Socket, Transport};
use super::{Abilities, Adapter, Host, Setup};

/// The adapter for ezk, over one transport.
#[derive(Clone, Copy, Debug)]
pub struct Ezk(pub Transport);

impl Adapter for Ezk {
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
            connections: self.0 == Transport::Tcp,
            own_time_out: true,
            digest: true,
        }
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let notifier = Notifier::new(Socket::listen(self.0), self.abilities().form);
        let settings = rollmark_ua::Settings {
            server: Some(notifier.address()),
            transport: match self.0 {
                Transport::Udp => rollmark_ua::Transport::Udp,
                Transport::Tcp => rollmark_ua::Transport::Tcp,
            },
            ca: None,
        };
        let host = Softphone::start("ezk", setup, async |account| {
            let phone = UserAgent::start(settings, account)
                .await
                .expect("ezk starts");
            (phone.conferences.clone(), phone)
        });
        (Box::new(host), notifier)
    }
}
