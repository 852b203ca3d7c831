//! curl as a foreign judge: TLS, digest with either hash, conditions, bodies from files (RFC 4825 §7, §8).

mod http;

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{ALICE, LISTS};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rollmark_xdms::{DigestAlgorithm, Settings, TlsFiles, User, Xdms, XdmsError};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// Certificates of a scratch authority, in a directory of their own.
struct Authority {
    directory: PathBuf,
    ca: PathBuf,
    files: TlsFiles,
}

impl Authority {
    fn new(name: &str) -> Self {
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Else both would have the same name, and the server's look self-signed.
        params
            .distinguished_name
            .push(DnType::CommonName, "Scratch Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = params.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(params, ca_key);
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap();
        let put = |name: &str, text: String| {
            let path = directory.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let ca = put("ca.pem", ca_pem);
        let files = TlsFiles {
            certificate: put("certificate.pem", certificate.pem()),
            key: put("key.pem", key.serialize_pem()),
        };
        Self {
            directory,
            ca,
            files,
        }
    }

    async fn start(&self, algorithms: &[DigestAlgorithm]) -> Xdms {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.host = Some("localhost".to_owned());
        settings.tls = Some(self.files.clone());
        settings.users = vec![User::new("alice", "se cret").xui(ALICE)];
        settings.algorithms = algorithms.to_vec();
        Xdms::start(settings).await.unwrap()
    }

    /// Status and body of a request by curl, which must be there.
    async fn curl(&self, arguments: &[&str]) -> (String, String) {
        // The password goes by a file, never by the command line.
        let config = self.directory.join("curl.txt");
        std::fs::write(&config, "user = \"alice:se cret\"\n").unwrap();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--digest", "--max-time", "20"])
            .args([
                "--noproxy",
                "*",
                "--ipv4",
                "--globoff",
                "--write-out",
                "\n%{http_code}",
            ])
            .arg("--config")
            .arg(&config)
            .arg("--cacert")
            .arg(&self.ca)
            .args(arguments)
            .kill_on_drop(true);
        let output = timeout(Duration::from_secs(30), curl.output()).await;
        let output = output
            .expect("curl ends in time")
            .expect("curl is installed");
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.to_owned(), body.to_owned())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// XDM-14, XDM-16, XDM-29.
#[tokio::test]
async fn curl_does_all_that_a_client_does() {
    for algorithms in [
        &[DigestAlgorithm::Sha256][..],
        &[DigestAlgorithm::Md5],
        &[DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
    ] {
        let authority = Authority::new("curl");
        let xdms = authority.start(algorithms).await;
        assert!(xdms.root().starts_with("https://localhost:"));
        let index = format!("{}/resource-lists/users/{ALICE}/index", xdms.root());
        let document = authority.directory.join("index.xml");
        std::fs::write(&document, format!("{LISTS}\n")).unwrap();
        let upload = document.to_str().unwrap();
        let kind = "Content-Type: application/resource-lists+xml";
        let put = authority
            .curl(&["--upload-file", upload, "--header", kind, &index])
            .await;
        assert_eq!(put, ("201".into(), String::new()), "{algorithms:?}");
        assert_eq!(
            authority.curl(&[&index]).await,
            ("200".into(), format!("{LISTS}\n"))
        );
        let fetched = xdms.document("resource-lists", ALICE, "index").unwrap();

        let list = format!("{index}/~~/resource-lists/list%5B@name=%22a%20b%22%5D");
        let element = authority.directory.join("list.xml");
        std::fs::write(&element, "<list name=\"a b\"/>\n").unwrap();
        let upload = element.to_str().unwrap();
        let el = "Content-Type: application/xcap-el+xml";
        let matching = format!("If-Match: {}", fetched.etag);
        let put = [
            "--upload-file",
            upload,
            "--header",
            el,
            "--header",
            &matching,
            &list,
        ];
        assert_eq!(authority.curl(&put).await.0, "201");
        assert_eq!(authority.curl(&put).await.0, "412");
        assert_eq!(
            authority.curl(&[&list]).await,
            ("200".into(), "<list name=\"a b\"/>".into())
        );
        assert_eq!(
            authority.curl(&[&format!("{list}/@name")]).await.1,
            "\"a b\""
        );
        let att = "Content-Type: application/xcap-att+xml";
        let name = format!("{index}/~~/*/*%5B1%5D/@name");
        let renamed = [
            "--request",
            "PUT",
            "--data",
            "\"c\"",
            "--header",
            att,
            &name,
        ];
        assert_eq!(authority.curl(&renamed).await.0, "200");
        assert_eq!(
            authority.curl(&["--request", "DELETE", &name]).await.0,
            "200"
        );
        let conflict = authority
            .curl(&["--request", "PUT", "--data", "<list", "--header", el, &list])
            .await;
        assert!(
            conflict.0 == "409" && conflict.1.contains("<not-xml-frag"),
            "{conflict:?}"
        );
        assert_eq!(authority.curl(&["--head", &index]).await.0, "200");
        assert_eq!(
            authority.curl(&["--request", "DELETE", &index]).await.0,
            "200"
        );
        assert_eq!(authority.curl(&[&index]).await.0, "404");
    }
}

/// A client that connects and says nothing holds up nobody.
#[tokio::test]
async fn a_silent_client_does_not_hold_up_the_others() {
    let authority = Authority::new("silent");
    let xdms = authority.start(&[DigestAlgorithm::Sha256]).await;
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(TcpStream::connect(xdms.addr()).await.unwrap());
    }
    let caps = format!("{}/xcap-caps/global/index", xdms.root());
    assert_eq!(authority.curl(&[&caps]).await.0, "200");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let authority = Authority::new("files");
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    for (certificate, key, named) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("certificate.pem", "certificate.pem", "certificate.pem"),
        ("ca.pem", "key.pem", "ca.pem"),
    ] {
        settings.tls = Some(TlsFiles {
            certificate: authority.directory.join(certificate),
            key: authority.directory.join(key),
        });
        let refused = Xdms::start(settings.clone()).await.unwrap_err();
        assert!(matches!(refused, XdmsError::Tls(_)), "{refused}");
        assert!(refused.to_string().contains(named), "{refused}");
    }
}
