//! An operator's own profile, written outside core: most of it is the IMS one, and what differs stands here.

use std::time::Duration;

use rollmark_core::account::AccountSettings;
use rollmark_core::engine::Engine;
use rollmark_core::host::{Action, Capabilities};
use rollmark_core::message::Headers;
use rollmark_core::profile::{Facts, Ims, Kind, Mode, ModeReason, Profile, Registration};
use rollmark_core::registration::RegistrationState;

/// An operator whose core wants its own header in every request and takes no Accept-Contact.
#[derive(Debug, Default)]
struct Operator(Ims);

impl Profile for Operator {
    fn mode(&self, registration: &Registration) -> (Mode, ModeReason) {
        self.0.mode(registration)
    }

    fn route(&self, facts: &Facts<'_>) -> Vec<String> {
        self.0.route(facts)
    }

    fn decorate(&self, kind: Kind, facts: &Facts<'_>, headers: &mut Headers) {
        self.0.decorate(kind, facts, headers);
        headers.remove("Accept-Contact");
        if kind != Kind::Answer {
            headers.push("X-Operator", facts.identity);
        }
    }

    fn supports(&self, option: &str) -> bool {
        option == "x-operator"
    }
}

/// A profile from outside is asked for the headers of each message, with the facts of the moment.
#[test]
fn an_operators_own_profile_makes_the_messages() {
    let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
    let settings = AccountSettings {
        profile: Box::new(Operator::default()),
        ..AccountSettings::new("sip:alice@op.test")
    };
    let registration = Registration {
        state: RegistrationState::Active,
        contact: "sip:alice@192.0.2.1".into(),
        outbound_proxy: Some("sip:pcscf.op.test;lr".into()),
        associated: Some(vec!["sip:alice@op.test".into()]),
        ..Registration::default()
    };
    let account = engine.add_account(settings, registration);
    engine
        .watch(Duration::ZERO, account, "sip:room@op.test")
        .unwrap();
    let Some(Action::Send {
        request, next_hop, ..
    }) = engine.poll_action()
    else {
        panic!("nothing was sent");
    };
    assert_eq!(next_hop, "sip:pcscf.op.test;lr");
    let get = |name| request.headers.get(name);
    assert_eq!(get("X-Operator"), Some("sip:alice@op.test"));
    assert_eq!(get("P-Preferred-Identity"), Some("<sip:alice@op.test>"));
    assert_eq!(get("Accept-Contact"), None);
}
