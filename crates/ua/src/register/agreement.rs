//! Security agreement: which mechanism of Security-Server is taken, and its ports (RFC 3329 §2.3.1, TS 33.203 §7.2).

use rollmark::core::digest::Secret;
use rollmark::core::header::{self, Params};
use rollmark::core::message::Headers;
use rollmark::core::registration::Mechanism;
use rollmark::core::uri::Uri;

/// What was agreed on with the P-CSCF. The platform sets it up before the next request is sent.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The mechanism taken.
    pub mechanism: Mechanism,
    /// Its parameters as the P-CSCF gave them: algorithms, SPIs, ports.
    pub params: Params,
    /// Security-Server as received, one line each: Security-Verify mirrors them.
    pub server: Vec<String>,
    /// Cipher key and integrity key of the AKA run, for IPsec.
    pub keys: Option<(Secret, Secret)>,
}

impl Agreement {
    /// Chooses among what the P-CSCF lists what was also offered: the highest preference, of equals the topmost. None when
    /// there is no Security-Server, or nothing in common.
    pub(super) fn choose(offered: &[String], headers: &Headers) -> Option<Self> {
        let server: Vec<String> = headers.all("Security-Server").map(str::to_owned).collect();
        let offered = header::mechanisms(offered.iter().map(String::as_str));
        let known = [("ipsec-3gpp", Mechanism::IpsecAka), ("tls", Mechanism::Tls)];
        let mut chosen: Option<(Mechanism, header::Mechanism<'_>)> = None;
        for candidate in header::mechanisms(server.iter().map(String::as_str)) {
            let common = known.into_iter().find(|(name, _)| {
                candidate.is(name) && offered.iter().any(|offered| offered.is(name))
            });
            let better = chosen
                .as_ref()
                .is_none_or(|(_, held)| candidate.q() > held.q());
            if let (Some((_, mechanism)), true) = (common, better) {
                chosen = Some((mechanism, candidate));
            }
        }
        let (mechanism, chosen) = chosen?;
        let params = chosen.params;
        Some(Self {
            mechanism,
            params,
            server,
            keys: None,
        })
    }

    /// First value of a parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// The P-CSCF's URI with its protected server port (IMS-10). None when it names no port of its own.
    pub(super) fn proxy(&self, unprotected: &str) -> Option<String> {
        let uri = Uri::parse(unprotected).ok()?;
        let host = uri.host()?;
        let port: u16 = self.param("port-s")?.parse().ok()?;
        let transport = match uri.param("transport") {
            Some(transport) => format!(";transport={transport}"),
            None => String::new(),
        };
        (port != 0).then(|| format!("sip:{host}:{port}{transport};lr"))
    }
}
