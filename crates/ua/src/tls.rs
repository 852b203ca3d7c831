//! TLS towards the SIP server: the certificate must be signed by a given authority and name the server (SEC-05, SEC-13).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No authority was given.
    #[error(
        "TLS was asked for without a CA; name the PEM file of the server's authority with --ca FILE"
    )]
    NoAuthority,
    /// The file cannot be read as PEM certificates.
    #[error("the CA file {path} cannot be read: {error}; give a PEM file with certificates")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: rustls::pki_types::pem::Error,
    },
    /// The file holds no certificate that can be used.
    #[error("the CA file {path} holds no usable certificate; give a PEM file with certificates")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The crypto provider refuses.
    #[error("TLS cannot be set up: {0}")]
    Protocol(#[from] rustls::Error),
}

/// The authorities of a PEM file, which alone may sign the SIP server's certificate.
///
/// # Errors
/// When none was given, or the file is not one of certificates.
pub fn authorities(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let path = ca.ok_or(TlsError::NoAuthority)?;
    let unreadable = |error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?)?;
    }
    if roots.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(roots)
}

/// A connector that trusts the authorities of a file and nobody else.
pub(crate) fn connector(ca: Option<&Path>) -> Result<TlsConnector, TlsError> {
    let roots = authorities(ca)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
