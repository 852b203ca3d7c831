//! The last request about the conference, as it went out, and its answer; what proves a password is left out (SEC-16).

use std::time::Duration;

use rollmark::core::host::{Action, Fact, TransactionId};
use rollmark::core::message::Request;
use rollmark::{Message, Passed};
use tokio::sync::mpsc::UnboundedReceiver;

use super::told;

/// A request that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    transaction: TransactionId,
    /// When.
    pub(crate) at: Duration,
    pub(crate) lines: Vec<String>,
    /// What was answered, once it was.
    pub(crate) answer: Option<String>,
}

/// Keeps the last request on the screen. Ends with the plugin.
pub(crate) async fn follow(mut messages: UnboundedReceiver<Message>) {
    while let Some(message) = messages.recv().await {
        match message.passed {
            Passed::Action(Action::Send {
                transaction,
                request,
                next_hop,
            }) if is_of_conference(&request) => {
                let lines = lines(&request, &next_hop);
                told(|model, at| {
                    model.request = Some(Sent {
                        transaction,
                        at,
                        lines,
                        answer: None,
                    });
                });
            }
            Passed::Fact(Fact::Response {
                transaction,
                response,
            }) => {
                let answer = format!("{} {}", response.status, response.reason);
                answered(transaction, answer);
            }
            Passed::Fact(Fact::Failed {
                transaction,
                failure,
            }) => answered(
                transaction,
                rollmark::core::subscription::describe(failure.into()),
            ),
            _ => {}
        }
    }
}

/// Not one that follows documents on the XDMS.
fn is_of_conference(request: &Request) -> bool {
    let package = request.headers.get("Event").unwrap_or_default();
    package.split(';').next().map(str::trim) == Some("conference")
}

fn answered(to: TransactionId, answer: String) {
    told(|model, _| {
        if let Some(sent) = &mut model.request
            && sent.transaction == to
        {
            sent.answer = Some(answer);
        }
    });
}

fn lines(request: &Request, next_hop: &str) -> Vec<String> {
    let mut lines = vec![
        format!("by way of {next_hop}"),
        format!("{} {} SIP/2.0", request.method, request.uri),
    ];
    let headers = request.headers.iter();
    lines.extend(
        headers.map(|header| format!("{}: {}", header.name, discreet(&header.name, &header.value))),
    );
    let body = String::from_utf8_lossy(&request.body);
    if !body.is_empty() {
        lines.push(String::new());
        lines.extend(body.lines().map(str::to_owned));
    }
    lines.push(String::new());
    lines.push("The SIP stack adds Via, Content-Length, and its address in Contact.".to_owned());
    lines
}

/// Without the digest by which somebody could try passwords.
fn discreet(name: &str, value: &str) -> String {
    const DIGEST: &str = "response=\"";
    if !name.to_ascii_lowercase().ends_with("authorization") {
        return value.to_owned();
    }
    let begins = value.match_indices(DIGEST).map(|(at, _)| at + DIGEST.len());
    let digest = begins.last().and_then(|begin| {
        let end = value[begin..].find('"')?;
        Some(begin..begin + end)
    });
    match digest {
        Some(digest) => format!("{}***{}", &value[..digest.start], &value[digest.end..]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollmark::core::message::Headers;

    /// SEC-16: what is looked over somebody's shoulder gives nothing to try passwords on.
    #[test]
    fn a_request_is_shown_without_the_proof_of_a_password() {
        let headers: Headers = [
            ("Event", "conference"),
            (
                "Authorization",
                r#"Digest username="alice", nonce="n", response="0123456789abcdef", qop=auth"#,
            ),
            ("Proxy-Authorization", r#"Digest response="", uri="sip:x""#),
        ]
        .into_iter()
        .collect();
        let request = Request {
            method: "SUBSCRIBE".into(),
            uri: "sip:room@x".into(),
            headers,
            body: b"one\r\ntwo".to_vec(),
        };
        assert_eq!(
            lines(&request, "sip:p.x;lr"),
            [
                "by way of sip:p.x;lr",
                "SUBSCRIBE sip:room@x SIP/2.0",
                "Event: conference",
                r#"Authorization: Digest username="alice", nonce="n", response="***", qop=auth"#,
                r#"Proxy-Authorization: Digest response="***", uri="sip:x""#,
                "",
                "one",
                "two",
                "",
                "The SIP stack adds Via, Content-Length, and its address in Contact.",
            ]
        );
    }
}
