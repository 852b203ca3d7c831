//! Why there is no registration: what happened, and what to do.

/// Why an attempt to register failed. Its text is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A final answer that another attempt would get again.
    #[error(
        "the registrar refuses ({status} {reason}); check the identity, the user name and the secret"
    )]
    Refused {
        /// Status code.
        status: u16,
        /// Reason phrase as received.
        reason: String,
    },
    /// Challenged again after an answer.
    #[error(
        "the registrar does not accept the answer to its challenge; check the user name and the secret"
    )]
    WrongSecret,
    /// Nothing to answer with.
    #[error(
        "the registrar asks for {0}, for which there is no secret; give a password or an AKA file"
    )]
    NoSecret(String),
    /// AUTN does not fit K: the network is not the user's own, or the key is wrong.
    #[error(
        "the challenge was not made with this SIM's key: the network is not the user's own, or k and opc are wrong"
    )]
    NetworkNotAuthentic,
    /// Challenged with an old sequence number again after re-synchronisation.
    #[error(
        "the network does not take up the SIM's sequence number; its authentication centre must be set right"
    )]
    Sequence,
    /// The nonce is not RAND and AUTN.
    #[error(
        "the challenge names AKA, but its nonce is no AKA challenge; the registrar must be set right, or asked with a password"
    )]
    Challenge,
    /// 3xx is not followed: it would lead around the P-CSCF.
    #[error(
        "the registrar redirects elsewhere ({0}), which is not followed; give that server itself"
    )]
    Redirected(u16),
    /// 423 again, or without a usable minimum.
    #[error(
        "the registrar wants a longer registration than it says itself (423); it must be set right"
    )]
    IntervalTooBrief,
    /// 420.
    #[error(
        "the registrar does not know the extension {0:?} (420); it must be set right, or another one used"
    )]
    Extension(String),
    /// 421, 494, or an AKA challenge without Security-Server after one was asked for.
    #[error(
        "there is no security agreement with the P-CSCF ({0}); it needs IPsec or TLS by agreement, which the platform must set up"
    )]
    NoAgreement(&'static str),
    /// Security-Server of a later answer is not the one agreed on (RFC 3329 §2.3.1).
    #[error(
        "the P-CSCF changed its Security-Server in the middle of the agreement; somebody may be tampering with it"
    )]
    AgreementChanged,
    /// A 2xx that leaves no binding.
    #[error(
        "the registrar accepted, but keeps no binding of this user agent; it must be set right, or the identity checked"
    )]
    NoBinding,
    /// 408, 5xx, or another answer with Retry-After.
    #[error("the registrar cannot do it now ({status} {reason}), but may do so later")]
    Unavailable {
        /// Status code.
        status: u16,
        /// Reason phrase as received.
        reason: String,
    },
    /// Timer F.
    #[error(
        "no answer from the registrar; check the server and the transport, and whether it runs"
    )]
    NoAnswer,
    /// It could not be sent.
    #[error(
        "the registrar cannot be reached; check the server and the transport, and whether it runs"
    )]
    Unreachable,
    /// The life was over before a new answer came.
    #[error("the registration lapsed before it could be renewed; check the network and the server")]
    Lapsed,
    /// The sequence number could not be kept.
    #[error("{0}")]
    Store(String),
    /// The identity has no host, and no home domain is set.
    #[error("the identity {0:?} names no home domain; give a sip: identity or the home domain")]
    NoHomeDomain(String),
}

impl Fault {
    /// Whether another attempt is made without being asked for: what passes, not what somebody must mend.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::NoAnswer | Self::Unreachable | Self::Lapsed
        )
    }
}
