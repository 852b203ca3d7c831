//! HTTPS to the XDMS: whom the client trusts, and what it says about whom it does not (SEC-13, XDM-16).
#![cfg(feature = "reqwest")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rollmark_xdm::client::HttpRequest;
use rollmark_xdm::{Http, HttpError, HttpSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const DEADLINE: Duration = Duration::from_secs(20);

/// A server for 127.0.0.1 under a CA of its own: its port, and the CA's certificate as PEM.
async fn server() -> (u16, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust us hangs up here.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, ca_pem)
}

async fn fetch(url: String, ca_file: Option<PathBuf>) -> Result<Vec<u8>, HttpError> {
    let http = Http::new(&HttpSettings {
        ca_file,
        ..HttpSettings::default()
    })?;
    let request = HttpRequest {
        method: "GET",
        url,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let result = tokio::time::timeout(DEADLINE, http.send(&request)).await;
    Ok(result.expect("an end in time")?.body)
}

#[tokio::test]
async fn a_server_is_trusted_by_its_ca_and_its_name_and_not_otherwise() {
    let (port, ca) = server().await;
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let ca_file = directory.join(format!("ca-{}.pem", std::process::id()));
    std::fs::write(&ca_file, ca).unwrap();

    let trusted = fetch(format!("https://127.0.0.1:{port}/"), Some(ca_file.clone())).await;
    let wrong_name = fetch(format!("https://localhost:{port}/"), Some(ca_file.clone())).await;
    let unknown_ca = fetch(format!("https://127.0.0.1:{port}/"), None).await;
    std::fs::remove_file(&ca_file).unwrap();

    assert_eq!(trusted.expect("trusted"), b"ok");
    for refused in [wrong_name, unknown_ca] {
        let error = refused.expect_err("refused");
        assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("CA file"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 1];
        stream.read_exact(&mut first).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        first
    });
    let error = fetch(format!("https://127.0.0.1:{port}/"), None)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
    // A TLS handshake record, and no request.
    assert_eq!(server.await.unwrap(), [22]);
}
