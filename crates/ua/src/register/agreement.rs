//! Security agreement: which mechanism of Security-Server is taken, and its ports (RFC 3329 §2.3.1, TS 33.203 §7.2).

use rollmark::core::digest::Secret;
use rollmark::core::header::{self, SecurityMechanism};
use rollmark::core::message::Headers;
use rollmark::core::registration::Mechanism;
use rollmark::core::uri::Uri;

/// What was agreed on with the P-CSCF. The platform sets it up before the next request is sent.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The mechanism taken.
    pub mechanism: Mechanism,
    /// It with its parameters: algorithms, SPIs, ports.
    pub chosen: SecurityMechanism,
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
        let offered: Vec<String> = offered
            .iter()
            .flat_map(|line| header::split_list(line))
            .filter_map(SecurityMechanism::parse)
            .map(|mechanism| mechanism.name.to_ascii_lowercase())
            .collect();
        let mut chosen: Option<(Mechanism, SecurityMechanism)> = None;
        let listed = server.iter().flat_map(|line| header::split_list(line));
        for candidate in listed.filter_map(SecurityMechanism::parse) {
            let name = candidate.name.to_ascii_lowercase();
            let mechanism = match name.as_str() {
                "ipsec-3gpp" => Mechanism::IpsecAka,
                "tls" => Mechanism::Tls,
                _ => continue,
            };
            let better = chosen
                .as_ref()
                .is_none_or(|(_, held)| candidate.preference() > held.preference());
            if offered.contains(&name) && better {
                chosen = Some((mechanism, candidate));
            }
        }
        let (mechanism, chosen) = chosen?;
        Some(Self {
            mechanism,
            chosen,
            server,
            keys: None,
        })
    }

    /// The P-CSCF's URI with its protected server port (IMS-10). None when it names no port of its own.
    pub(super) fn proxy(&self, unprotected: &str) -> Option<String> {
        let uri = Uri::parse(unprotected).ok()?;
        let host = uri.host()?;
        let port: u16 = self.chosen.param("port-s")?.parse().ok()?;
        let transport = match uri.param("transport") {
            Some(transport) => format!(";transport={transport}"),
            None => String::new(),
        };
        (port != 0).then(|| format!("sip:{host}:{port}{transport};lr"))
    }
}
