//! What stands in the headers of the table.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::{ContactPreference, Facts, IM_CLIENT_TOKEN, IM_FEATURE_TAG, Kind, SEC_AGREE, Settings};
use crate::uri::Uri;

/// What stands in a header; it may be several lines, or none where there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// The outbound proxy, where there is one.
    OutboundProxy,
    /// The registrar's Service-Route, where it is to be followed.
    FollowedServiceRoute,
    /// The P-CSCF: its protected port with an agreed mechanism, else the unprotected one.
    ProxyOfMechanism,
    /// The Service-Route, one URI a line.
    ServiceRoute,
    /// The contact address with the IM feature tag.
    Address,
    /// The temporary GRUU of an anonymous user, else the public GRUU, else the contact address, with `ob` where the
    /// registrar does RFC 5626; with the IM feature tag.
    GruuOrAddress,
    /// The IM feature tag.
    FeatureTag,
    /// The ICSI as feature tag, percent-encoded.
    IcsiTag,
    /// The ICSI.
    Icsi,
    /// The identity in use.
    Identity,
    /// The host's text, as of now.
    AccessNetwork,
    /// The host's text, as of now.
    CellularNetwork,
    /// Each line of Security-Server, byte for byte.
    SecurityServer,
    /// `sec-agree`.
    SecAgree,
    /// `id`.
    PrivacyId,
    /// The methods that are taken.
    Allow,
    /// The OMA product token; behind it the vendor's, but not of an anonymous user.
    Products,
}

impl Value {
    /// In a few words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::OutboundProxy => "outbound proxy",
            Self::FollowedServiceRoute => "Service-Route, unless switched off",
            Self::ProxyOfMechanism => "P-CSCF; protected port with IPsec or TLS, else unprotected",
            Self::ServiceRoute => "Service-Route, one URI a line",
            Self::Address => "contact address, `+g.oma.sip-im`",
            Self::GruuOrAddress => {
                "temp-gruu if anonymous, else pub-gruu, else contact address (with `ob` on RFC 5626 flows); `+g.oma.sip-im`"
            }
            Self::FeatureTag => "`*;+g.oma.sip-im;require;explicit`",
            Self::IcsiTag => "`*;+g.3gpp.icsi-ref=\"…\";require;explicit`",
            Self::Icsi => "the ICSI",
            Self::Identity => "identity in use",
            Self::AccessNetwork | Self::CellularNetwork => "current text of the host",
            Self::SecurityServer => "Security-Server, byte for byte",
            Self::SecAgree => "`sec-agree`",
            Self::PrivacyId => "`id`",
            Self::Allow => "`NOTIFY`",
            Self::Products => "`IM-client/OMA1.0`, vendor tokens unless anonymous",
        }
    }

    pub(super) fn lines(self, settings: &Settings, facts: &Facts<'_>) -> Vec<String> {
        let registration = facts.registration;
        let one = |text: String| alloc::vec![text];
        let hop = |uri: Option<&str>| uri.map(|uri| format!("<{uri}>")).into_iter().collect();
        let service_route = || registration.service_route.clone().unwrap_or_default();
        let text = |text: &Option<String>| text.iter().cloned().collect();
        match self {
            Self::OutboundProxy => hop(registration.outbound_proxy.as_deref()),
            Self::FollowedServiceRoute if !settings.service_route => Vec::new(),
            Self::FollowedServiceRoute | Self::ServiceRoute => service_route(),
            Self::ProxyOfMechanism => hop(registration.next_hop()),
            Self::Address => one(format!("<{}>;{IM_FEATURE_TAG}", registration.contact)),
            Self::GruuOrAddress => one(format!("<{}>;{IM_FEATURE_TAG}", contact(facts))),
            Self::FeatureTag => one(preference(settings, IM_FEATURE_TAG)),
            Self::IcsiTag => settings
                .icsi
                .iter()
                .map(|icsi| {
                    let tag = format!("+g.3gpp.icsi-ref=\"{}\"", percent_encoded(icsi));
                    preference(settings, &tag)
                })
                .collect(),
            Self::Icsi => text(&settings.icsi),
            Self::Identity => one(format!("<{}>", facts.identity)),
            Self::AccessNetwork => text(&registration.access_network),
            Self::CellularNetwork => text(&registration.cellular_network),
            Self::SecurityServer => registration.security_server.clone(),
            Self::SecAgree => one(SEC_AGREE.into()),
            Self::PrivacyId => one("id".into()),
            Self::Allow => one("NOTIFY".into()),
            Self::Products if facts.anonymous => one(IM_CLIENT_TOKEN.into()),
            Self::Products => one(match &settings.product {
                Some(product) => format!("{IM_CLIENT_TOKEN} {product}"),
                None => format!("{IM_CLIENT_TOKEN} rollmark/{}", env!("CARGO_PKG_VERSION")),
            }),
        }
    }
}

impl Kind {
    /// In a few words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Initial => "SUBSCRIBE",
            Self::InDialog => "SUBSCRIBE in dialog",
            Self::Answer => "response to NOTIFY",
        }
    }
}

fn preference(settings: &Settings, tag: &str) -> String {
    match settings.accept_contact {
        ContactPreference::Lenient => format!("*;{tag}"),
        ContactPreference::Strict | ContactPreference::None => format!("*;{tag};require;explicit"),
    }
}

/// URI of Contact in IMS mode.
fn contact(facts: &Facts<'_>) -> String {
    let registration = facts.registration;
    let temporary = registration
        .temporary_gruu
        .as_ref()
        .filter(|_| facts.anonymous);
    if let Some(gruu) = temporary.or(registration.public_gruu.as_ref()) {
        return gruu.clone();
    }
    let contact = &registration.contact;
    // An address that the adapter names is marked by nobody.
    let marked =
        registration.outbound && Uri::parse(contact).is_ok_and(|uri| uri.param("ob").is_none());
    if !marked {
        return contact.clone();
    }
    match contact.split_once('?') {
        Some((before, headers)) => format!("{before};ob?{headers}"),
        None => format!("{contact};ob"),
    }
}

/// A URN as the value of a feature tag: what is no letter, digit or one of `-_.` is percent-encoded (TS 24.229 §7.2A.8).
fn percent_encoded(urn: &str) -> String {
    let mut text = String::with_capacity(urn.len() + 8);
    for byte in urn.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text.to_string()
}
