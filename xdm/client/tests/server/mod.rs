//! An HTTP server of the tests' own on loopback: one scripted reply a request, requests kept for inspection.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Longest wait for anything in a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the server does with one request.
#[derive(Clone, Debug)]
#[allow(dead_code)] // not every test file needs every kind
pub(crate) enum Reply {
    /// Sends these octets and closes.
    Octets(Vec<u8>),
    /// Reads the request and says nothing until the client gives up.
    Silence,
    /// Sends octets without end.
    Flood(Vec<u8>),
    /// Sends these octets, which are not all, and says nothing more.
    Hang(Vec<u8>),
    /// Waits for the word, then sends these octets and closes.
    When(std::sync::Arc<tokio::sync::Notify>, Vec<u8>),
}

/// A whole response.
pub(crate) fn reply(status: &str, headers: &[&str], body: &str) -> Reply {
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for header in headers {
        text += header;
        text += "\r\n";
    }
    Reply::Octets(format!("{text}\r\n{body}").into_bytes())
}

/// 200 with a resource-lists document of these blocked users.
pub(crate) fn document(etag: &str, blocked: &[&str]) -> Reply {
    let entries: String = blocked
        .iter()
        .map(|uri| format!("<entry uri=\"{uri}\"/>"))
        .collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\
         <list name=\"oma_blockedcontacts\">{entries}</list></resource-lists>"
    );
    let etag = format!("ETag: {etag}");
    reply(
        "200 OK",
        &["Content-Type: application/resource-lists+xml", &etag],
        &body,
    )
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    head: String,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// The request line.
    #[allow(dead_code)]
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let (_, value) = headers.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

/// The running server: its root URL and what it was asked.
pub(crate) struct Server {
    pub(crate) root: String,
    requests: mpsc::UnboundedReceiver<Request>,
    script: mpsc::UnboundedSender<Reply>,
}

impl Server {
    /// Listens on a free port and answers the requests with the replies in turn; then waits for more of them.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}/xcap", listener.local_addr().unwrap());
        let (seen, requests) = mpsc::unbounded_channel();
        let (script, mut next) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (stream, request) = read_request(stream).await;
                if seen.send(request).is_err() {
                    return;
                }
                let Some(reply) = next.recv().await else {
                    return;
                };
                tokio::spawn(answer(stream, reply));
            }
        });
        let server = Self {
            root,
            requests,
            script,
        };
        for reply in replies {
            server.add(reply);
        }
        server
    }

    /// All requests seen and not looked at yet.
    #[allow(dead_code)]
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }

    /// One more reply.
    pub(crate) fn add(&self, reply: Reply) {
        self.script.send(reply).unwrap();
    }

    /// The next request the server has seen.
    #[allow(dead_code)]
    pub(crate) async fn request(&mut self) -> Request {
        let next = tokio::time::timeout(DEADLINE, self.requests.recv()).await;
        next.expect("a request in time").expect("a running server")
    }
}

async fn read_request(mut stream: TcpStream) -> (TcpStream, Request) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => break,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut request = Request {
        head,
        body: String::new(),
    };
    let length = request.header("Content-Length").map(str::parse);
    let mut body = vec![0; length.map_or(0, |length| length.unwrap())];
    let _ = stream.read_exact(&mut body).await;
    request.body = String::from_utf8(body).unwrap();
    (stream, request)
}

async fn answer(mut stream: TcpStream, reply: Reply) {
    match reply {
        Reply::Octets(octets) => {
            let _ = stream.write_all(&octets).await;
            let _ = stream.shutdown().await;
        }
        Reply::Silence => {
            let _ = stream.read_u8().await;
        }
        Reply::Hang(octets) => {
            let _ = stream.write_all(&octets).await;
            let _ = stream.read_u8().await;
        }
        Reply::When(word, octets) => {
            word.notified().await;
            let _ = stream.write_all(&octets).await;
            let _ = stream.shutdown().await;
        }
        Reply::Flood(octets) => while stream.write_all(&octets).await.is_ok() {},
    }
}
