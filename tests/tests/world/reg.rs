//! The `reg` event package: what the network does with the registration arrives and acts (RFC 3680, RFC 5628; IMS-05).

use rollmark_core::host::{Flow, Trouble};
use rollmark_core::profile::{Ims, Settings};
use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{ALICE, CONTACT, Notify, Sent, Stage};

use crate::core::{ims_with, register, registered};

/// Alice watches the room and her own registration.
fn following() -> (Stage, Sent, Sent) {
    let mut stage = ims_with(
        |settings| {
            settings.profile = Box::new(Ims(Settings {
                watch_registration: true,
                ..Settings::default()
            }));
        },
        |_| {},
    );
    let first = stage.begin();
    let own = stage.expect();
    assert_eq!(own.request.uri, ALICE);
    assert_eq!(
        (own.get("Event"), own.get("Accept")),
        ("reg", "application/reginfo+xml")
    );
    // IMS-51.
    assert_eq!(own.get("Expires"), "600000");
    // It is none of the IM session.
    assert_eq!(own.get("Accept-Contact"), "");
    assert!(!own.get("Security-Verify").is_empty() && own.routes().len() == 3);
    stage.respond(&own, 200, &[("Expires", "600000")]);
    tell(
        &mut stage,
        &own,
        "active",
        &contact("active", "registered", ""),
    );
    stage.told();
    assert_eq!(stage.engine.watches(), [stage.watch]);
    (stage, first, own)
}

fn contact(state: &str, event: &str, more: &str) -> String {
    format!(
        "<contact id='1' state='{state}' event='{event}' expires='60'><uri>{CONTACT}</uri>{more}</contact>"
    )
}

fn tell(stage: &mut Stage, own: &Sent, state: &str, contact: &str) -> u16 {
    let body = format!(
        "<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='2' state='full'><registration id='a' aor='{ALICE}' \
         state='{state}'>{contact}</registration></reginfo>"
    );
    let notify = Notify::of(own, &body)
        .with("Event", "reg")
        .with("Content-Type", "application/reginfo+xml")
        .state("active;expires=600000");
    stage.notify(notify)
}

/// IMS-05, SW-07: the HSS ends the registration; the NOTIFY names no contact. Everything ends here and nothing is sent,
/// until the host has a registration again.
#[test]
fn the_network_ends_the_registration() {
    let (mut stage, first, own) = following();
    assert_eq!(tell(&mut stage, &own, "terminated", ""), 200);
    assert!(stage.sent().is_none());
    assert!(stage.troubles.is_empty());
    assert_eq!(stage.told(), ["stale not-registered"]);
    assert_eq!(stage.notify(Notify::of(&first, "")), 481);
    assert_eq!(tell(&mut stage, &own, "active", ""), 481);
    stage.pass_secs(1000);
    assert!(stage.sent().is_none());
    register(&mut stage, registered());
    let sent = [stage.expect(), stage.expect()].map(|sent| sent.get("Event").to_string());
    assert_eq!(sent, ["conference", "reg"]);
}

/// IMS-05: `deactivated` wants a new registration at once; `rejected` does not.
#[test]
fn what_happened_to_the_own_contact() {
    for (event, troubles) in [
        ("deactivated", &[Trouble::Deactivated][..]),
        ("rejected", &[]),
    ] {
        let (mut stage, _, own) = following();
        tell(
            &mut stage,
            &own,
            "active",
            &contact("terminated", event, ""),
        );
        assert_eq!(stage.troubles, troubles, "{event}");
        assert_eq!(stage.shown(), Shown::Stale);
        assert!(stage.sent().is_none());
    }
    let (mut stage, _, own) = following();
    tell(
        &mut stage,
        &own,
        "active",
        &contact("active", "shortened", ""),
    );
    assert_eq!(stage.troubles, [Trouble::Shortened]);
    assert!(!Trouble::Shortened.wants_initial());
    assert_eq!(stage.shown(), Shown::Active);
    stage.pass_secs(60);
    assert_eq!(stage.shown(), Shown::Stale);
}

/// IMS-05, IMS-12: GRUUs arrive, and later requests use them; a document that cannot be read changes nothing, and one by
/// another way is refused (IMS-32).
#[test]
fn gruus_and_bad_documents() {
    let (mut stage, _, own) = following();
    let gruu =
        "<pub-gruu xmlns='urn:ietf:params:xml:ns:gruuinfo' uri='sip:alice@example.org;gr=7'/>";
    tell(
        &mut stage,
        &own,
        "active",
        &contact("active", "refreshed", gruu),
    );
    stage.on(|engine, now, watch| engine.refresh(now, watch));
    assert!(
        stage
            .expect()
            .get("Contact")
            .starts_with("<sip:alice@example.org;gr=7>")
    );
    assert_eq!(tell(&mut stage, &own, "terminated", "<"), 200);
    assert_eq!(stage.shown(), Shown::Active);
    stage.flow = Flow::Foreign;
    assert_eq!(tell(&mut stage, &own, "terminated", ""), 403);
    assert_eq!(stage.shown(), Shown::Active);
}
