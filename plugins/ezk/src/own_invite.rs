//! INVITE over a connection of the plugin's own: nothing is sent twice there, the ACK of a refusal is the transaction's
//! (RFC 3261 §9.1, §17.1.1).

use std::time::Duration;

use rollmark::core::host::SendFailure;
use rollmark::core::message::{Headers, Request, Response};
use tokio::time::{Instant, timeout_at};

use crate::stream::{Connection, Responses};

/// Timer B, and Timer M for 2xx that come again (RFC 3261 §17.1.1.2, RFC 6026 §7.2).
const TIMER_B: Duration = Duration::from_secs(32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No response so far, until then.
    Calling(Instant),
    Proceeding,
    /// Only 2xx come now, until then.
    Accepted(Instant),
    Over,
}

#[derive(Debug)]
pub(crate) struct OwnInvite {
    connection: Connection,
    request: Request,
    responses: Responses,
    state: State,
}

impl OwnInvite {
    pub(crate) async fn send(
        connection: Connection,
        request: Request,
    ) -> Result<Self, SendFailure> {
        let responses = connection.ask(&request, false).await?;
        Ok(Self {
            connection,
            request,
            responses,
            state: State::Calling(Instant::now() + TIMER_B),
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Response>, SendFailure> {
        loop {
            let response = match self.state {
                State::Over => return Ok(None),
                State::Proceeding => self.responses.next().await,
                State::Calling(until) => timeout_at(until, self.responses.next())
                    .await
                    .map_err(|_| SendFailure::NoAnswer)?,
                State::Accepted(until) => match timeout_at(until, self.responses.next()).await {
                    Ok(Some(again)) if again.status < 200 => continue,
                    Ok(again) => return Ok(again),
                    Err(_) => None,
                },
            };
            let Some(response) = response else {
                let is_accepted = matches!(self.state, State::Accepted(_));
                self.state = State::Over;
                return match is_accepted {
                    true => Ok(None),
                    false => Err(SendFailure::Unreachable),
                };
            };
            self.state = match response.status {
                ..200 => State::Proceeding,
                200..300 => State::Accepted(Instant::now() + TIMER_B),
                _ => {
                    let to = response.headers.get("To");
                    let ack = self.companion("ACK", to);
                    // Whether it leaves or not, the call is over.
                    let _ = self.connection.tell(&ack, Some(&self.responses)).await;
                    State::Over
                }
            };
            return Ok(Some(response));
        }
    }

    pub(crate) async fn cancel(&mut self) -> bool {
        let cancel = self.companion("CANCEL", None);
        let sent = self.connection.tell(&cancel, Some(&self.responses)).await;
        sent.is_ok()
    }

    /// A request of the same transaction (RFC 3261 §9.1, §17.1.1.3).
    fn companion(&self, method: &str, to: Option<&str>) -> Request {
        let mut headers = Headers::new();
        let from = &self.request.headers;
        for name in ["Route", "From", "To", "Call-ID"] {
            for value in from.all(name) {
                headers.push(name, value);
            }
        }
        if let Some(to) = to {
            headers.set("To", to);
        }
        let number = from
            .get("CSeq")
            .and_then(|cseq| cseq.split_ascii_whitespace().next());
        headers.push("CSeq", format!("{} {method}", number.unwrap_or("1")));
        headers.push("Max-Forwards", "70");
        Request {
            method: method.to_owned(),
            uri: self.request.uri.clone(),
            headers,
            body: Vec::new(),
        }
    }
}
