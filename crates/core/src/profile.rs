//! What a request looks like on a plain SIP core (OMA-21…29, RFC 3261); the only place that adds headers by core type.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::message::Headers;
pub use crate::registration::Registration;

/// Which message is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The SUBSCRIBE that makes a dialog.
    Initial,
    /// A SUBSCRIBE in the dialog.
    InDialog,
}

/// The SIP core a message is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// RFC 3261 rules only.
    Sip,
}

impl Mode {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
        }
    }
}

/// Decides the headers of each message. `Plain` is the RFC 3261 core; an operator may write his own.
pub trait Profile: Debug + Send {
    /// The core it is for.
    fn mode(&self) -> Mode;

    /// Route set to preload on an initial request, topmost first; in-dialog requests use the dialog's (IMS-30).
    fn route(&self, registration: &Registration) -> Vec<String>;

    /// Adds what this core wants to the headers of a request.
    fn decorate(&self, kind: Kind, registration: &Registration, headers: &mut Headers);

    /// Redirections are followed (SUB-19); not where every request must go by the same proxy (IMS-45).
    fn follows_redirections(&self) -> bool {
        true
    }

    /// An option tag of Require or Proxy-Require that the server does not know may be left out (SUB-16, IMS-38).
    fn may_leave_out(&self, _option: &str) -> bool {
        true
    }

    /// An option that a server demands is supported (SUB-16).
    fn supports(&self, _option: &str) -> bool {
        false
    }
}

/// Feature tag of OMA SIMPLE IM (OMA-21).
pub const IM_FEATURE_TAG: &str = "+g.oma.sip-im";
/// Product token of an OMA SIMPLE IM client (OMA-24).
pub const IM_CLIENT_TOKEN: &str = "IM-client/OMA1.0";

/// Plain SIP: outbound proxy, Contact with the feature tag, nothing of IMS (SW-02, SW-03).
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Profile for Plain {
    fn mode(&self) -> Mode {
        Mode::Sip
    }

    fn route(&self, registration: &Registration) -> Vec<String> {
        // RFC 3608 is not for IMS only: a registrar's Service-Route is followed here too.
        let service_route = registration.service_route.iter().flatten().cloned();
        registration
            .outbound_proxy
            .iter()
            .map(|uri| format!("<{uri}>"))
            .chain(service_route)
            .collect()
    }

    fn decorate(&self, kind: Kind, registration: &Registration, headers: &mut Headers) {
        headers.push(
            "Contact",
            format!("<{}>;{IM_FEATURE_TAG}", registration.contact),
        );
        if kind == Kind::Initial {
            headers.push(
                "Accept-Contact",
                format!("*;{IM_FEATURE_TAG};require;explicit"),
            );
        }
        headers.push("Allow", "NOTIFY");
        headers.push(
            "User-Agent",
            format!("{IM_CLIENT_TOKEN} rollmark/{}", env!("CARGO_PKG_VERSION")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-02, SW-03: proxy, then Service-Route, one URI each; nothing of IMS, whatever the host knows.
    #[test]
    fn plain_requests_follow_the_service_route_and_have_no_header_of_ims() {
        let registration = Registration {
            contact: "sip:a@192.0.2.1".into(),
            outbound_proxy: Some("sip:p.test;lr".into()),
            service_route: Some(
                ["<sip:s1.test;lr>", "<sip:s2.test;lr>"]
                    .map(Into::into)
                    .into(),
            ),
            path: Some(["sip:path.test".into()].into()),
            associated: Some(["sip:a@x".into()].into()),
            security_server: ["ipsec-3gpp".into()].into(),
            access_network: Some("IEEE-802.11".into()),
            access_network_unprotected: true,
            protected: true,
            ..Registration::default()
        };
        assert_eq!(
            Plain.route(&registration),
            ["<sip:p.test;lr>", "<sip:s1.test;lr>", "<sip:s2.test;lr>"]
        );
        for kind in [Kind::Initial, Kind::InDialog] {
            let mut headers = Headers::new();
            Plain.decorate(kind, &registration, &mut headers);
            for header in headers.iter() {
                let name = header.name.to_ascii_lowercase();
                let ims = name.starts_with("p-") || name.starts_with("security-");
                assert!(!ims && !name.contains("require"), "{header:?}");
            }
        }
    }
}
