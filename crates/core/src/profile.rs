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
        registration
            .outbound_proxy
            .iter()
            .map(|uri| format!("<{uri}>"))
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
