//! A TLS handshake that ends before anything is said: which certificate the server shows, and what is wrong with it
//! (SEC-05, SEC-13).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::check::{Finding, failed, note, ok};

/// A certificate that ends sooner is worth a word.
const ENDS_SOON: i64 = 14 * 24 * 60 * 60;
/// Names of a certificate that are shown, at most.
const MAX_NAMES: usize = 6;

/// What a server showed.
#[derive(Clone, Debug, Default)]
struct Shown {
    certificate: Option<Vec<u8>>,
    fault: Option<Error>,
}

/// Notes the certificate and what is wrong with it, and lets the handshake go on, to learn the rest. Nothing is ever sent
/// over such a connection.
#[derive(Debug)]
struct Noting {
    verifier: Arc<WebPkiServerVerifier>,
    shown: Arc<Mutex<Shown>>,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown {
            certificate: Some(end_entity.to_vec()),
            fault: verdict.err(),
        };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What a handshake over this connection shows, when these authorities are trusted and the server is to be `host`.
pub(crate) async fn examine(
    connection: TcpStream,
    host: &str,
    roots: RootCertStore,
    patience: Duration,
) -> Finding {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let verifier = match verifier {
        Ok(verifier) => verifier,
        Err(error) => return failed(error.to_string(), "give another CA file with --ca"),
    };
    let shown = Arc::new(Mutex::new(Shown::default()));
    let noting = Noting {
        verifier,
        shown: shown.clone(),
    };
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = match config {
        Ok(config) => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(noting))
            .with_no_client_auth(),
        Err(error) => return failed(error.to_string(), "this build of rollmark has no TLS"),
    };
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return failed(
            format!("{host} is no name that a certificate can have"),
            "give the server by its name, as its certificate has it",
        );
    };
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, connection);
    let result = tokio::time::timeout(patience, handshake).await;
    let version = match &result {
        Ok(Ok(stream)) => stream.get_ref().1.protocol_version(),
        _ => None,
    };
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let seen = shown.certificate.as_deref().map(Seen::of);
    if let (Some(fault), Some(seen)) = (&shown.fault, &seen) {
        return seen.refused(host, fault);
    }
    match (result, seen) {
        (Ok(Ok(_)), Some(seen)) => seen.accepted(version.and_then(|version| version.as_str())),
        (Ok(Err(error)), _) => failed(
            format!("the handshake failed: {error}"),
            "check that this port speaks TLS, 1.2 or 1.3, and asks for no certificate of the client",
        ),
        _ => failed(
            format!("no end of the handshake in {} s", patience.as_secs()),
            "check that this port speaks TLS",
        ),
    }
}

/// What a certificate says of itself.
struct Seen {
    names: Vec<String>,
    issuer: String,
    not_before: String,
    not_after: String,
    /// Seconds until its end; negative after it.
    left: i64,
}

impl Seen {
    fn of(der: &[u8]) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Self {
                names: vec!["(it cannot be read)".into()],
                issuer: "?".into(),
                not_before: "?".into(),
                not_after: "?".into(),
                left: i64::MAX,
            };
        };
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative
            .into_iter()
            .flat_map(|names| &names.value.general_names);
        let mut names: Vec<String> = names
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(octets) => address(octets),
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            })
            .collect();
        if names.len() > MAX_NAMES {
            names.truncate(MAX_NAMES);
            names.push("…".into());
        }
        let validity = certificate.validity();
        let now = UnixTime::now().as_secs() as i64;
        Self {
            names,
            issuer: certificate.issuer().to_string(),
            not_before: validity.not_before.to_string(),
            not_after: validity.not_after.to_string(),
            left: validity.not_after.timestamp() - now,
        }
    }

    fn names(&self) -> String {
        match self.names.as_slice() {
            [] => "no name at all (subjectAltName is missing)".into(),
            names => names.join(", "),
        }
    }

    fn accepted(&self, version: Option<&'static str>) -> Finding {
        let version = version.unwrap_or("TLS").replace("TLSv1_", "TLS 1.");
        let got = format!(
            "{version}; certificate for {}, by {}, until {}",
            self.names(),
            self.issuer,
            self.not_after
        );
        if self.left < ENDS_SOON {
            return note(
                format!("{got}, which is in {} days", self.left / 86_400),
                "have the certificate renewed before that day",
            );
        }
        ok(got)
    }

    fn refused(&self, host: &str, fault: &Error) -> Finding {
        let (names, issuer) = (self.names(), &self.issuer);
        let Error::InvalidCertificate(fault) = fault else {
            return failed(
                format!("the certificate for {names} is refused: {fault}"),
                "have the server's certificate put right",
            );
        };
        match fault {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                failed(
                    format!("the certificate is for {names}, not for {host}"),
                    format!(
                        "give the server by a name that its certificate has, or have {host} put into its subjectAltName"
                    ),
                )
            }
            CertificateError::UnknownIssuer => failed(
                format!("the certificate is signed by {issuer}, which the CA file does not have"),
                "give the PEM file of that authority (--ca, --xcap-ca), or have the server send the certificates in between",
            ),
            CertificateError::BadSignature => failed(
                format!(
                    "the certificate is signed by {issuer}, but with another key than that authority has in the CA file"
                ),
                "give the PEM file of the authority as it is now (--ca, --xcap-ca)",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => failed(
                format!(
                    "the certificate has expired: it was valid until {}",
                    self.not_after
                ),
                "have the server's certificate renewed; if it is not old, check the clock of this machine",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => failed(
                format!("the certificate is not valid before {}", self.not_before),
                "check the clock of this machine, then the server's certificate",
            ),
            fault => failed(
                format!("the certificate for {names}, by {issuer}, is refused: {fault}"),
                "have the server's certificate put right",
            ),
        }
    }
}

fn address(octets: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(std::net::Ipv4Addr::from(octets).to_string());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(std::net::Ipv6Addr::from(octets).to_string())
}
