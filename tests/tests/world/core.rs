//! An IMS core around the stage: what its registration says.

use rollmark_core::account::AccountSettings;
use rollmark_core::header;
use rollmark_core::host::Flow;
use rollmark_core::message::Headers;
use rollmark_core::profile::{Ims, Registration};
use rollmark_core::registration::{Mechanism, RegistrationState};
use rollmark_tests::world::stage::{ALICE, CONTACT, ROOM, Sent, Stage};

/// What an S-CSCF granted, over IPsec.
pub(crate) fn registered() -> Registration {
    Registration {
        state: RegistrationState::Active,
        contact: CONTACT.into(),
        outbound_proxy: Some("sip:pcscf.test:4060;lr".into()),
        protected_proxy: Some("sip:pcscf.test:5064;lr".into()),
        protected: true,
        service_route: Some(vec![
            "<sip:orig@s1.test;lr>".into(),
            "<sip:s2.test;lr>".into(),
        ]),
        path: Some(vec!["sip:term@pcscf.test;lr".into()]),
        associated: Some(vec![ALICE.into(), "sip:second@example.org".into()]),
        registered: Some(ALICE.into()),
        mechanism: Some(Mechanism::IpsecAka),
        security_server: vec![
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=1;port-s=5064".into(),
        ],
        access_network: Some("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1".into()),
        expires: Some(600_000),
        ..Registration::default()
    }
}

/// Digest, without agreement and without protection.
pub(crate) fn digest() -> Registration {
    Registration {
        protected: false,
        mechanism: Some(Mechanism::Digest),
        security_server: Vec::new(),
        ..registered()
    }
}

/// Alice on an IMS core; her SUBSCRIBE is on its way.
pub(crate) fn ims() -> Stage {
    ims_with(|_| {}, |_| {})
}

pub(crate) fn ims_with(
    set: impl FnOnce(&mut AccountSettings),
    facts: impl FnOnce(&mut Registration),
) -> Stage {
    let mut stage = Stage::registered(
        |settings| {
            settings.profile = Box::new(Ims::default());
            set(settings);
        },
        |registration| {
            *registration = registered();
            facts(registration);
        },
    );
    stage.flow = Flow::Registered;
    stage
}

/// The same, subscribed and told of users 1 and 2.
pub(crate) fn ims_active() -> (Stage, Sent) {
    let mut stage = ims();
    let first = stage.begin();
    (stage, first)
}

pub(crate) fn register(stage: &mut Stage, registration: Registration) {
    let account = stage.account;
    stage.on(|engine, now, _| engine.set_registration(now, account, registration));
}

/// Answers as a proxy does: no To tag, no Contact.
pub(crate) fn refuse(
    stage: &mut Stage,
    sent: &Sent,
    status: u16,
    reason: &str,
    more: &[(&str, &str)],
) {
    let mut headers = Headers::new();
    headers.push("To", format!("<{ROOM}>"));
    for (name, value) in more {
        headers.push(*name, value);
    }
    stage.answer_request(sent, status, reason, headers, "");
}

pub(crate) fn is_ims(sent: &Sent) -> bool {
    let mut headers = sent.request.headers.iter();
    headers.any(|line| {
        let name = line.name.to_ascii_lowercase();
        name.starts_with("p-") || name.starts_with("security-")
    }) || header::lists(sent.request.headers.all("Require"), "sec-agree")
}
