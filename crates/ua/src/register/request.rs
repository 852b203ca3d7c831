//! The REGISTER itself (RFC 3261 §10.2, TS 24.229 §5.1.1.2, §5.1.1.4, RFC 3327 §5.1, RFC 3329 §2.3.1).

use rollmark::core::message::{Headers, Request};
use rollmark::core::profile::IM_FEATURE_TAG;

use super::{Output, Registrar};

impl Registrar {
    /// The contact of the next request: over an agreement its protected one.
    pub(super) fn contact(&self) -> &str {
        if self.agreement.is_some() && !self.settings.protected_contact.is_empty() {
            &self.settings.protected_contact
        } else {
            &self.settings.facts.contact
        }
    }

    pub(super) fn request_uri(&self) -> String {
        format!("sip:{}", self.home)
    }

    /// Builds and sends the next REGISTER, authorized by what is held.
    pub(super) fn send(&mut self, expires: u32) {
        let uri = self.request_uri();
        let authorization = self.authority.authorize(&uri);
        self.send_with(expires, authorization);
    }

    /// The same with this Authorization; none has none.
    pub(super) fn send_with(
        &mut self,
        expires: u32,
        authorization: Option<(&'static str, String)>,
    ) {
        self.cseq += 1;
        let mut headers = Headers::new();
        let identity = &self.settings.identity;
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("<{identity}>;tag={}", self.tag));
        headers.push("To", format!("<{identity}>"));
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{} REGISTER", self.cseq));
        let instance = match &self.settings.instance {
            Some(instance) => format!(";+sip.instance=\"{instance}\""),
            None => String::new(),
        };
        headers.push(
            "Contact",
            format!("<{}>{instance};{IM_FEATURE_TAG}", self.contact()),
        );
        headers.push("Expires", expires.to_string());
        let mut supported = "path".to_owned();
        if self.settings.instance.is_some() {
            supported.push_str(", gruu");
        }
        if !self.settings.security_client.is_empty() && !self.attempt.plain {
            supported.push_str(", sec-agree");
            headers.push("Require", "sec-agree");
            headers.push("Proxy-Require", "sec-agree");
            for mechanism in &self.settings.security_client {
                headers.push("Security-Client", mechanism);
            }
            for mechanism in self
                .agreement
                .iter()
                .flat_map(|agreement| &agreement.server)
            {
                headers.push("Security-Verify", mechanism);
            }
        }
        headers.push("Supported", supported);
        if let Some(info) = self.facts.tellable_access_network() {
            headers.push("P-Access-Network-Info", info);
        }
        let authorization = authorization.or_else(|| {
            let announced = self
                .settings
                .announce
                .then(|| self.authority.announce(&self.home));
            announced.map(|value| ("Authorization", value))
        });
        if let Some((name, value)) = authorization {
            headers.push(name, value);
        }
        headers.push(
            "User-Agent",
            concat!("IM-client/OMA1.0 rollmark/", env!("CARGO_PKG_VERSION")),
        );
        let proxy = self
            .agreement
            .is_some()
            .then(|| self.facts.protected_proxy.clone());
        let uri = self.request_uri();
        let next_hop = proxy
            .flatten()
            .or_else(|| self.facts.outbound_proxy.clone())
            .unwrap_or_else(|| uri.clone());
        self.outputs.push_back(Output::Send {
            request: Request {
                method: "REGISTER".to_owned(),
                uri,
                headers,
                body: Vec::new(),
            },
            next_hop,
        });
    }
}
