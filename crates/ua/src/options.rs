//! OPTIONS: whether a server answers, and what it says it can do (RFC 3261 §11).

use ezk_sip_core::Endpoint;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Headers, Request, Response};
use rollmark_ezk::Requests;

/// Asks the server behind `next_hop`; From is nobody's.
pub(crate) async fn ask(
    endpoint: &Endpoint,
    requests: &Requests,
    uri: &str,
    next_hop: &str,
) -> Result<Response, SendFailure> {
    let contact = requests.contact(endpoint, next_hop, "rollmark").await?;
    let mut headers = Headers::new();
    headers.push("Max-Forwards", "70");
    headers.push(
        "From",
        format!("<sip:anonymous@anonymous.invalid>;tag={}", token()),
    );
    headers.push("To", format!("<{uri}>"));
    headers.push("Call-ID", token());
    headers.push("CSeq", "1 OPTIONS");
    headers.push("Contact", format!("<{contact}>"));
    headers.push("Accept", "application/sdp");
    let request = Request {
        method: "OPTIONS".to_owned(),
        uri: uri.to_owned(),
        headers,
        body: Vec::new(),
    };
    requests.send(endpoint, request, next_hop).await
}

/// 128 random bits in hex.
fn token() -> String {
    format!(
        "{:032x}",
        u128::from_be_bytes(crate::registration::random())
    )
}
