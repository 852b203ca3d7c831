//! What a host knows of its registration: the facts that requests are built from (TS 24.229 §5.1.1, RFC 3608, IMS-02).
//!
//! A host tells what it knows, and leaves the rest as it is by default: *unknown* is normal, and means something else than
//! *none*. `None` of an optional list is unknown; an empty list says that the registrar gave nothing. A host that has the
//! answer to its REGISTER as text lets [`Registration::handle_answer`] read it.

mod answer;
mod sip_core;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::uri::{self, Uri};

pub use answer::AnswerFault;
pub use sip_core::{Evidence, SipCore};

/// What the host knows about its registration. The default knows nothing, as of a host that does not register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// Whether there is one. Source: the host's registrar client.
    pub state: RegistrationState,
    /// URI at which this user agent is reached, for Contact (SUB-09). With IPsec its port is the protected server port;
    /// with plain digest, NASS or GIBA the port where requests and responses are expected (IMS-11, IMS-12). Empty: the
    /// adapter names the address it sends from.
    pub contact: String,
    /// URI of the outbound proxy: in IMS the P-CSCF, by address or by the name from its discovery, with the port that
    /// takes unprotected requests. With `lr`, or it is a strict router. Source: configuration or discovery.
    pub outbound_proxy: Option<String>,
    /// The same with the P-CSCF's protected server port (`port-s` of Security-Server, or its TLS port), where a security
    /// association or TLS by agreement exists (IMS-10).
    pub protected_proxy: Option<String>,
    /// The path to the next hop is protected (TLS or a security association), SEC-02.
    pub protected: bool,
    /// Service-Route of the newest 2xx, raw values in their order (RFC 3608 §6.1). An answer without it makes this empty
    /// (IMS-07).
    pub service_route: Option<Vec<String>>,
    /// Path of the newest 2xx, URIs in their order (RFC 3327). Never used for Route (IMS-08); it only names proxies whose
    /// word about a restoration counts (IMS-41).
    pub path: Option<Vec<String>>,
    /// P-Associated-URI of the newest 2xx: URIs in their order (RFC 7315 §4.1). The first is the default identity.
    pub associated: Option<Vec<String>>,
    /// The identity that was registered (To of the REGISTER); barred when P-Associated-URI leaves it out (IMS-04).
    pub registered: Option<String>,
    /// `pub-gruu` of the host's own contact (RFC 5627 §5.3); none if the registrar gave none or it is not known.
    pub public_gruu: Option<String>,
    /// `temp-gruu` of the host's own contact, the newest.
    pub temporary_gruu: Option<String>,
    /// How the P-CSCF and the user agent know each other; none if unknown.
    pub mechanism: Option<Mechanism>,
    /// Security-Server as received, one value a line, in their order: Security-Verify mirrors it byte for byte (IMS-24).
    /// Empty with plain digest, NASS and GIBA (IMS-25).
    pub security_server: Vec<String>,
    /// Text for P-Access-Network-Info, as of now (IMS-16, IMS-19); [`check_access_network`] tells whether it can be one.
    /// Source: the modem or the configuration.
    pub access_network: Option<String>,
    /// Text for Cellular-Network-Info, where the access is none of a cellular network and the modem knows one (IMS-20).
    pub cellular_network: Option<String>,
    /// The user allows P-Access-Network-Info towards a P-CSCF without security association (IMS-18).
    pub access_network_unprotected: bool,
    /// The registrar took part in RFC 5626 outbound (`Require: outbound` in the 2xx, §6); decides about `ob` (IMS-14).
    pub outbound: bool,
    /// Life granted in the newest 2xx, in seconds from then on.
    pub expires: Option<u32>,
    /// Home network domain name, the Request-URI's host of REGISTER (TS 24.229 §5.1.1.1A). Source: ISIM or configuration.
    pub home_domain: Option<String>,
    /// What the host itself knows of the core, above all evidence; none lets the answer decide ([`Registration::sip_core`]).
    pub told_core: Option<SipCore>,
}

/// Whether there is a registration (IMS-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationState {
    /// The host does not tell; requests may be sent in plain mode.
    #[default]
    Unknown,
    /// There is none, and none is on its way.
    Unregistered,
    /// It is being made, or made again after it was lost.
    Pending,
    /// There is one.
    Active,
    /// It was ended: by the user, by the network (IMS-05), or because it lapsed.
    Ended,
}

/// How the P-CSCF and the user agent know each other (TS 24.229 §5.1.1.1A, IMS-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// AKA with IPsec security associations by agreement (RFC 3329, TS 33.203).
    IpsecAka,
    /// TLS by agreement (RFC 3329), or digest with TLS.
    Tls,
    /// Digest without agreement; AKA answers over an unprotected path too.
    Digest,
    /// GPRS-IMS-Bundled Authentication: the access is believed.
    Giba,
    /// NASS-IMS-bundled authentication: the line is believed.
    Nass,
}

impl Mechanism {
    /// Whether Security-Verify and the option tag sec-agree belong to its requests (IMS-24, IMS-25).
    #[must_use]
    pub fn is_agreed(self) -> bool {
        matches!(self, Self::IpsecAka | Self::Tls)
    }
}

impl Registration {
    /// URI of the next hop: with an agreed mechanism the P-CSCF's protected port, else its unprotected one (IMS-10).
    #[must_use]
    pub fn next_hop(&self) -> Option<&str> {
        let protected = self
            .protected_proxy
            .as_deref()
            .filter(|_| self.mechanism.is_some_and(Mechanism::is_agreed));
        protected.or(self.outbound_proxy.as_deref())
    }

    /// The default public identity: the first of P-Associated-URI (IMS-03); where that is unknown, the registered one.
    /// None when every identity is barred, or nothing is known.
    #[must_use]
    pub fn default_identity(&self) -> Option<&str> {
        match &self.associated {
            Some(associated) => associated.first().map(String::as_str),
            None => self.registered.as_deref(),
        }
    }

    /// Whether an identity must not be used: a P-Associated-URI is known and does not list it (IMS-04). A registrar that
    /// knows no P-Associated-URI at all, as plain ones do, bars nobody.
    #[must_use]
    pub fn is_barred(&self, identity: &str) -> bool {
        match &self.associated {
            Some(associated) if self.sip_core().0 == SipCore::Ims => {
                !associated.iter().any(|uri| same_uri(uri, identity))
            }
            _ => false,
        }
    }

    /// The registered identity when it is barred (IMS-04).
    #[must_use]
    pub fn barred(&self) -> Option<&str> {
        self.registered
            .as_deref()
            .filter(|identity| self.is_barred(identity))
    }

    /// The identity to use when `wanted` is asked for: itself unless barred, then the default one.
    #[must_use]
    pub fn usable_identity<'a>(&'a self, wanted: &'a str) -> Option<&'a str> {
        if self.is_barred(wanted) {
            self.default_identity()
        } else {
            Some(wanted)
        }
    }

    /// The text for P-Access-Network-Info if it may be told over this path (IMS-18).
    #[must_use]
    pub fn tellable_access_network(&self) -> Option<&str> {
        self.access_network
            .as_deref()
            .filter(|_| self.may_tell_access())
    }

    /// Whether this path may be told where the user is: it is protected, or the user consents (IMS-18).
    #[must_use]
    pub fn may_tell_access(&self) -> bool {
        self.protected || self.access_network_unprotected
    }

    /// What the host can no longer rely on once its registration is gone: routes, GRUUs, the agreement (IMS-05). The
    /// identities stay, for a person to read.
    pub fn end(&mut self) {
        self.state = RegistrationState::Ended;
        self.service_route = None;
        self.path = None;
        self.public_gruu = None;
        self.temporary_gruu = None;
        self.security_server.clear();
        self.protected_proxy = None;
        self.outbound = false;
        self.expires = None;
    }
}

/// Whether two texts are one URI (RFC 3261 §19.1.4, RFC 3966 §4); texts that are no URI compare octet for octet.
pub(crate) fn same_uri(a: &str, b: &str) -> bool {
    match (Uri::parse(a), Uri::parse(b)) {
        (Ok(a), Ok(b)) => uri::equal(&a, &b),
        _ => a == b,
    }
}

/// Why a text cannot be a P-Access-Network-Info value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessNetworkError {
    /// It would end the header line, or holds characters that no header may.
    #[error("the access network info holds a control character; give one line of printable text")]
    Control,
    /// It does not begin with an access type.
    #[error(
        "the access network info {0:?} does not begin with an access type; give for example \"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000000001\""
    )]
    NoAccessType(String),
}

/// Checks a P-Access-Network-Info value: an access type (a token), then parameters (RFC 7315 §5.4). What the parameters
/// are is the access network's business (IMS-19).
///
/// # Errors
/// When it cannot be one.
pub fn check_access_network(text: &str) -> Result<(), AccessNetworkError> {
    if text.chars().any(char::is_control) {
        return Err(AccessNetworkError::Control);
    }
    let access_type = text.split(';').next().unwrap_or_default().trim();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if access_type.is_empty() || !access_type.bytes().all(token) {
        return Err(AccessNetworkError::NoAccessType(text.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
