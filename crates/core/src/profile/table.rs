//! The table: header × message × mode × condition. Nothing else decides which header stands where.

use alloc::string::String;
use alloc::vec::Vec;

use super::{ContactPreference, Facts, Kind, Mode, Settings, Value};
use crate::message::Headers;
use crate::registration::{Mechanism, check_access_network};

/// What must hold for a rule, apart from message and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// The message is of the IM session's own package.
    OfSession,
    /// Accept-Contact is wanted ([`Settings::accept_contact`]).
    AcceptContact,
    /// The operator's profile names an ICSI.
    Icsi,
    /// The user wants to stay anonymous.
    Anonymous,
    /// The next hop may be told the preferred identity in plain mode.
    TrustedProxy,
    /// Access network info is known, can stand in a header, and may be told over this path.
    AccessNetwork,
    /// The same of the cellular network beside a non-cellular access.
    CellularNetwork,
    /// A security agreement is in force: IPsec or TLS by RFC 3329.
    Agreement,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OfSession,
        Self::AcceptContact,
        Self::Icsi,
        Self::Anonymous,
        Self::TrustedProxy,
        Self::AccessNetwork,
        Self::CellularNetwork,
        Self::Agreement,
    ];

    pub(super) fn holds(self, settings: &Settings, facts: &Facts<'_>) -> bool {
        let registration = facts.registration;
        let tellable = |text: Option<&str>| {
            registration.may_tell_access()
                && text.is_some_and(|text| check_access_network(text).is_ok())
        };
        match self {
            Self::OfSession => facts.of_session,
            Self::AcceptContact => settings.accept_contact != ContactPreference::None,
            Self::Icsi => settings.icsi.is_some(),
            Self::Anonymous => facts.anonymous,
            Self::TrustedProxy => settings.trusted_proxy,
            Self::AccessNetwork => tellable(registration.access_network.as_deref()),
            Self::CellularNetwork => tellable(registration.cellular_network.as_deref()),
            Self::Agreement => {
                registration.mechanism.is_some_and(Mechanism::is_agreed)
                    && !registration.security_server.is_empty()
            }
        }
    }
}

/// One rule: where it applies, the header stands in the message.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Name of the header.
    pub header: &'static str,
    /// What stands in it.
    pub value: Value,
    /// The messages.
    pub messages: &'static [Kind],
    /// The modes.
    pub modes: &'static [Mode],
    /// All of these hold.
    pub when: &'static [Condition],
    /// Where that comes from.
    pub source: &'static str,
}

const INITIAL: &[Kind] = &[Kind::Initial];
const REQUESTS: &[Kind] = &[Kind::Initial, Kind::InDialog];
const ALL: &[Kind] = &Kind::ALL;
const SIP: &[Mode] = &[Mode::Sip];
const IMS: &[Mode] = &[Mode::Ims];
const BOTH: &[Mode] = &[Mode::Sip, Mode::Ims];

const fn rule(
    header: &'static str,
    value: Value,
    messages: &'static [Kind],
    modes: &'static [Mode],
    when: &'static [Condition],
    source: &'static str,
) -> Rule {
    Rule {
        header,
        value,
        messages,
        modes,
        when,
        source,
    }
}

/// All rules, in the order of the headers. What no rule names is never sent by a profile: P-Asserted-Identity (IMS-22),
/// Feature-Caps, P-Visited-Network-ID, P-Charging-Vector, P-Asserted-Service, P-Called-Party-ID (IMS-27), Geolocation
/// (IMS-28), anything in ACK, CANCEL and the response to CANCEL (IMS-17).
pub const TABLE: &[Rule] = &[
    rule("Route", Value::OutboundProxy, INITIAL, SIP, &[], "SW-02"),
    rule(
        "Route",
        Value::FollowedServiceRoute,
        INITIAL,
        SIP,
        &[],
        "RFC 3608 §6.1, SW-02",
    ),
    rule(
        "Route",
        Value::ProxyOfMechanism,
        INITIAL,
        IMS,
        &[],
        "TS 24.229 §5.1.2A.1.1, IMS-09, IMS-10",
    ),
    rule(
        "Route",
        Value::ServiceRoute,
        INITIAL,
        IMS,
        &[],
        "RFC 3608 §6.1, IMS-06…09",
    ),
    rule(
        "Contact",
        Value::Address,
        REQUESTS,
        SIP,
        &[],
        "OMA-21, SUB-09",
    ),
    rule(
        "Contact",
        Value::GruuOrAddress,
        REQUESTS,
        IMS,
        &[],
        "RFC 5627, RFC 5626 §4.3, IMS-12…15",
    ),
    rule(
        "Accept-Contact",
        Value::FeatureTag,
        INITIAL,
        BOTH,
        &[Condition::OfSession, Condition::AcceptContact],
        "RFC 3841 §9.2, OMA-22, OMA-23",
    ),
    rule(
        "Accept-Contact",
        Value::IcsiTag,
        INITIAL,
        IMS,
        &[Condition::OfSession, Condition::Icsi],
        "TS 24.229 §7.2A.8, IMS-26, OMA-23",
    ),
    rule(
        "P-Preferred-Service",
        Value::Icsi,
        INITIAL,
        IMS,
        &[Condition::OfSession, Condition::Icsi],
        "RFC 6050, IMS-26",
    ),
    rule(
        "P-Preferred-Identity",
        Value::Identity,
        INITIAL,
        IMS,
        &[],
        "RFC 3325 §9.2, IMS-21, IMS-31, OMA-26",
    ),
    rule(
        "P-Preferred-Identity",
        Value::Identity,
        INITIAL,
        SIP,
        &[Condition::TrustedProxy],
        "RFC 3325 §6, SW-03",
    ),
    rule(
        "P-Access-Network-Info",
        Value::AccessNetwork,
        ALL,
        IMS,
        &[Condition::AccessNetwork],
        "RFC 7315 §5.4, §6.4, IMS-16…19, IMS-33",
    ),
    rule(
        "Cellular-Network-Info",
        Value::CellularNetwork,
        REQUESTS,
        IMS,
        &[Condition::CellularNetwork],
        "TS 24.229 §7.2.15, IMS-20",
    ),
    rule(
        "Security-Verify",
        Value::SecurityServer,
        REQUESTS,
        IMS,
        &[Condition::Agreement],
        "RFC 3329 §2.3.1, IMS-24, IMS-25",
    ),
    rule(
        "Require",
        Value::SecAgree,
        REQUESTS,
        IMS,
        &[Condition::Agreement],
        "RFC 3329 §2.3.1, IMS-24",
    ),
    rule(
        "Proxy-Require",
        Value::SecAgree,
        REQUESTS,
        IMS,
        &[Condition::Agreement],
        "RFC 3329 §2.3.1, IMS-24",
    ),
    rule(
        "Privacy",
        Value::PrivacyId,
        REQUESTS,
        BOTH,
        &[Condition::Anonymous],
        "RFC 3325 §9.3, OMA-25, IMS-23",
    ),
    rule(
        "Allow",
        Value::Allow,
        REQUESTS,
        BOTH,
        &[],
        "RFC 3261 §20.5, OMA-28",
    ),
    rule(
        "User-Agent",
        Value::Products,
        REQUESTS,
        BOTH,
        &[],
        "OMA-24, SEC-17",
    ),
];

fn rules<'a>(
    settings: &'a Settings,
    kind: Kind,
    facts: &'a Facts<'a>,
) -> impl Iterator<Item = &'static Rule> + 'a {
    TABLE.iter().filter(move |rule| {
        rule.messages.contains(&kind)
            && rule.modes.contains(&facts.mode)
            && rule.when.iter().all(|when| when.holds(settings, facts))
    })
}

/// The Route values of an initial request.
pub(super) fn route(settings: &Settings, facts: &Facts<'_>) -> Vec<String> {
    rules(settings, Kind::Initial, facts)
        .filter(|rule| rule.header == "Route")
        .flat_map(|rule| rule.value.lines(settings, facts))
        .collect()
}

/// Adds the headers of a message. Route is the dialog's to write.
pub(super) fn decorate(settings: &Settings, kind: Kind, facts: &Facts<'_>, headers: &mut Headers) {
    for rule in rules(settings, kind, facts).filter(|rule| rule.header != "Route") {
        for line in rule.value.lines(settings, facts) {
            headers.push(rule.header, line);
        }
    }
}
