//! What a registration can be set to.

use rollmark::Registration;
use rollmark::core::digest::Secret;

use crate::aka::Sim;

/// Life to ask for, in seconds (TS 24.229 §5.1.1.2.1). The registrar shortens it.
pub const EXPIRES: u32 = 600_000;

/// What a registration can be set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public identity to register: From and To.
    pub identity: String,
    /// The private identity: user name of the answers to challenges. None: the public one without its scheme (TS 23.003 §13.3).
    pub private_identity: Option<String>,
    /// Home network domain name: host of the Request-URI. None: the host of the public identity.
    pub home_domain: Option<String>,
    /// Answers digest challenges.
    pub password: Option<Secret>,
    /// Answers AKA challenges: the SIM, and the sequence number accepted last.
    pub sim: Option<(Sim, u64)>,
    /// Life to ask for, in seconds.
    pub expires: u32,
    /// Value of `+sip.instance` without quotes, `<urn:uuid:…>`; asks for GRUUs (RFC 5627 §4.1).
    pub instance: Option<String>,
    /// The first REGISTER names the private identity already, in an Authorization without response, for the I-CSCF
    /// (TS 24.229 §5.1.1.2.2, §5.1.1.2.3).
    pub announce: bool,
    /// Values of Security-Client, one mechanism each: what the platform can set up. Empty offers nothing (RFC 3329 §2.3.1).
    pub security_client: Vec<String>,
    /// Contact once a security association exists: with its protected server port. Empty keeps the other.
    pub protected_contact: String,
    /// What is known beforehand: contact, outbound proxy, protection, access network. The registrar's answers are added.
    pub facts: Registration,
}

impl Settings {
    /// The defaults for an identity: no secret, no agreement, nothing known.
    #[must_use]
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            private_identity: None,
            home_domain: None,
            password: None,
            sim: None,
            expires: EXPIRES,
            instance: None,
            announce: false,
            security_client: Vec::new(),
            protected_contact: String::new(),
            facts: Registration::default(),
        }
    }
}
