//! Whether the SIP core is an IMS, and by what that shows (SW-01, SW-10).

use core::fmt;

use super::{Mechanism, Registration};

/// The kind of SIP core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipCore {
    /// RFC 3261.
    Sip,
    /// 3GPP IMS (TS 24.229).
    Ims,
}

/// By what the kind of core shows. Its text is a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The host says so.
    Told,
    /// IPsec was agreed on with AKA: only a P-CSCF does that.
    Agreement,
    /// The answer to REGISTER has both Service-Route and P-Associated-URI, as every S-CSCF's (TS 24.229 §5.4.1.2.2).
    Answer,
    /// Service-Route, but no P-Associated-URI: RFC 3608 is not for IMS only.
    NoAssociatedUri,
    /// P-Associated-URI, but no Service-Route: there is no S-CSCF to send originating requests to.
    NoServiceRoute,
    /// Neither.
    Neither,
    /// The host does not know what the registrar answered, or does not register.
    Unknown,
}

impl Registration {
    /// The kind of core by these facts (SW-01). Where both signs of an S-CSCF are not there it is plain SIP: a plain
    /// request is answered by both kinds of core, a header of IMS may tell a stranger what is none of his business
    /// (IMS-18).
    #[must_use]
    pub fn sip_core(&self) -> (SipCore, Evidence) {
        if let Some(told) = self.told_core {
            return (told, Evidence::Told);
        }
        if self.mechanism == Some(Mechanism::IpsecAka) && !self.security_server.is_empty() {
            return (SipCore::Ims, Evidence::Agreement);
        }
        let (Some(route), Some(associated)) = (&self.service_route, &self.associated) else {
            return (SipCore::Sip, Evidence::Unknown);
        };
        match (route.is_empty(), associated.is_empty()) {
            (false, false) => (SipCore::Ims, Evidence::Answer),
            (false, true) => (SipCore::Sip, Evidence::NoAssociatedUri),
            (true, false) => (SipCore::Sip, Evidence::NoServiceRoute),
            (true, true) => (SipCore::Sip, Evidence::Neither),
        }
    }
}

impl SipCore {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Ims => "ims",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Told => "the host says so",
            Self::Agreement => "IPsec was agreed on with the P-CSCF",
            Self::Answer => "the registrar gave a Service-Route and a P-Associated-URI",
            Self::NoAssociatedUri => "the registrar gave no P-Associated-URI",
            Self::NoServiceRoute => "the registrar gave no Service-Route",
            Self::Neither => "the registrar gave neither Service-Route nor P-Associated-URI",
            Self::Unknown => "nothing is known of a registration",
        })
    }
}
