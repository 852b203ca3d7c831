//! HTTP over a bare TCP connection, one request each.

#![allow(dead_code, reason = "each test file uses its share")]

use std::net::SocketAddr;
use std::time::Duration;

use rollmark_xdms::Xdms;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
pub(crate) const ALICE: &str = "sip:alice@example.org";
pub(crate) const INDEX: &str = "/xcap-root/resource-lists/users/sip:alice@example.org/index";
pub(crate) const TYPE: &str = "Content-Type: application/resource-lists+xml\r\n";
pub(crate) const EL: &str = "Content-Type: application/xcap-el+xml\r\n";
pub(crate) const ATT: &str = "Content-Type: application/xcap-att+xml\r\n";
pub(crate) const LISTS: &str = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>";

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header_lines(&self.head, name).next()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        header_lines(&self.head, name).collect()
    }

    pub(crate) fn etag(&self) -> &str {
        self.header("ETag").expect("ETag")
    }

    /// The name of the error element of a conflict report.
    pub(crate) fn conflict(&self) -> &str {
        assert_eq!(self.status, 409, "{}\n{}", self.head, self.body);
        assert_eq!(
            self.header("Content-Type"),
            Some("application/xcap-error+xml")
        );
        let root = "<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\"><";
        let (_, error) = self.body.split_once(root).expect("an xcap-error document");
        error.split([' ', '/', '>']).next().unwrap()
    }
}

fn header_lines<'a, 'n>(
    head: &'a str,
    name: &'n str,
) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
    head.lines().filter_map(move |line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub(crate) async fn xdms() -> Xdms {
    Xdms::bind("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// One request on a connection of its own.
pub(crate) async fn request(
    to: &Xdms,
    method: &str,
    path: &str,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> Response {
    timeout(
        DEADLINE,
        exchange(to.addr(), method, path, headers, body.as_ref()),
    )
    .await
    .expect("an answer in time")
}

async fn exchange(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Response {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = match method {
        "PUT" => format!("Content-Length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{length}{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses a long body may close before it has read it all.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    Response {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
