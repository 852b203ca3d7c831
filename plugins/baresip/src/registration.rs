//! What is known of an account's registration: from baresip, from the configuration, and from baresip's trace where the user
//! has allowed that (IMS-01, IMS-02, SW-01).

use rollmark_core::digest::Credentials;
use rollmark_core::message::Headers;
use rollmark_core::profile::{Auto, Ims, Plain, Profile, Registration};
use rollmark_core::registration::RegistrationState;

use crate::settings::{Mode, Settings};

/// Life of a registration where the answer says none.
const LIFE: u32 = 3600;

/// An account of baresip.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) identity: String,
    pub(crate) outbound: Option<String>,
    /// None where baresip is not to register it.
    pub(crate) registered: Option<bool>,
    pub(crate) credentials: Option<Credentials>,
}

impl User {
    /// The facts that requests are made from.
    pub(crate) fn registration(
        &self,
        settings: &Settings,
        mode: Mode,
        answer: Option<&Headers>,
    ) -> Registration {
        let mut registration = Registration {
            outbound_proxy: self.outbound.clone(),
            registered: Some(self.identity.clone()),
            access_network: settings.access_network.clone(),
            // Whoever writes it into the configuration wants it to be told.
            access_network_unprotected: settings.access_network.is_some(),
            ..Registration::default()
        };
        if let Some(answer) = answer {
            // What is wrong with an answer shows in what is sent; there is nobody here who could change it.
            let _ = registration.handle_answer(answer, "", None, LIFE);
        }
        if settings.service_route.is_some() {
            registration.service_route = settings.service_route.clone();
        }
        if settings.associated.is_some() {
            registration.associated = settings.associated.clone();
        }
        registration.state = match (self.registered, mode) {
            (Some(true), _) => RegistrationState::Active,
            // In plain SIP one may watch without being registered.
            (_, Mode::Sip) => RegistrationState::Unknown,
            (Some(false), _) => RegistrationState::Pending,
            // Somebody else has registered; the configuration says with which result.
            (None, _) if settings.service_route.is_some() => RegistrationState::Active,
            (None, _) => RegistrationState::Unknown,
        };
        registration
    }
}

/// The profile that goes with a mode.
pub(crate) fn profile(mode: Mode) -> Box<dyn Profile> {
    match mode {
        Mode::Sip => Box::new(Plain::default()),
        Mode::Ims => Box::new(Ims::default()),
        Mode::Auto => Box::new(Auto::default()),
    }
}

/// Reads a packet of the trace: the user and the headers of a 2xx to his REGISTER; none of anything else.
pub(crate) fn register_answer(packet: &[u8]) -> Option<(String, Headers)> {
    let head = packet.strip_prefix(b"SIP/2.0 2")?;
    let end = head.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&head[..end]);
    // Lines that begin with white space go on (RFC 3261 §7.3.1).
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut headers = Headers::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(':')) {
        headers.push(long_name(name.trim()), value.trim());
    }
    let method = headers.get("CSeq")?.split_whitespace().last()?;
    if method != "REGISTER" {
        return None;
    }
    let to = headers.get("To")?;
    let uri = match to.split_once('<') {
        Some((_, rest)) => rest.split('>').next()?,
        None => to.split(';').next()?,
    };
    Some((uri.trim().to_owned(), headers))
}

/// Compact forms (RFC 3261 §20) of the headers that are read.
fn long_name(name: &str) -> &str {
    match name {
        "t" | "T" => "To",
        "m" | "M" => "Contact",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use rollmark_core::profile::Mode as Core;

    use super::*;

    const ANSWER: &str = "SIP/2.0 200 OK\r\nt: \"Alice\" <sip:alice@ims.example>;tag=1\r\nCSeq: 2 REGISTER\r\n\
        Service-Route: <sip:orig@scscf.example;lr>,\r\n <sip:second@scscf.example;lr>\r\n\
        P-Associated-URI: <sip:alice@ims.example>, <tel:+15550100>\r\nExpires: 600\r\n\r\n";

    /// IMS-02, SW-01: what the registrar says decides where the mode is automatic; the configuration goes before it.
    #[test]
    fn an_answer_in_the_trace_becomes_facts() {
        let (identity, headers) = register_answer(ANSWER.as_bytes()).unwrap();
        assert_eq!(identity, "sip:alice@ims.example");
        let user = User {
            identity,
            outbound: None,
            registered: Some(true),
            credentials: None,
        };
        let mut settings = Settings::default();
        let facts = user.registration(&settings, Mode::Auto, Some(&headers));
        assert_eq!(facts.state, RegistrationState::Active);
        assert_eq!(facts.service_route.as_ref().map(Vec::len), Some(2));
        assert_eq!(facts.associated.as_ref().map(Vec::len), Some(2));
        for (mode, core) in [(Mode::Auto, Core::Ims), (Mode::Sip, Core::Sip)] {
            assert_eq!(profile(mode).mode(&facts).0, core);
        }

        settings.service_route = Some(vec!["<sip:other@scscf.example;lr>".into()]);
        let facts = user.registration(&settings, Mode::Ims, Some(&headers));
        assert_eq!(facts.service_route, settings.service_route);
    }

    #[test]
    fn other_packets_are_none_of_ours() {
        for packet in [
            "",
            "SIP/2.0 2",
            "SIP/2.0 401 No\r\nTo: <sip:a@b>\r\nCSeq: 1 REGISTER\r\n\r\n",
            "SIP/2.0 200 OK\r\nTo: <sip:a@b>\r\nCSeq: 1 SUBSCRIBE\r\n\r\n",
            "SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n",
            "REGISTER sip:b SIP/2.0\r\nTo: <sip:a@b>\r\nCSeq: 1 REGISTER\r\n\r\n",
        ] {
            assert!(register_answer(packet.as_bytes()).is_none(), "{packet:?}");
        }
    }
}
