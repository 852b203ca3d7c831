//! A session that goes on: refreshed where that is ours, given up where nobody does it, and at last hung up (RFC 3261 §14, §15,
//! RFC 3311, RFC 4028).

use std::time::Duration;

use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::timer::{self, Due, MIN_PAUSE, SessionTimer};
use super::{Key, Line, outgoing, sdp, token};

/// What happens to a session.
#[derive(Debug)]
pub(super) struct State {
    pub(super) left: mpsc::UnboundedReceiver<()>,
    pub(super) ended: watch::Receiver<bool>,
    pub(super) acknowledged: watch::Receiver<bool>,
    pub(super) timers: watch::Receiver<(Option<SessionTimer>, Instant)>,
}

/// What came of a refresh of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refresh {
    Done,
    /// Not now: it is tried again while there is time.
    Refused,
    /// The peer knows of no session, or does not answer (RFC 4028 §10).
    Over,
}

/// Keeps a session until it is over, or is to be left: then BYE.
pub(super) async fn hold(line: Line, key: Key, mut state: State) {
    if live(&line, &key, &mut state).await {
        return;
    }
    // Whoever was called does not hang up before the ACK is there (RFC 3261 §15); without one the session ends by itself.
    tokio::select! {
        _ = state.acknowledged.wait_for(|known| *known) => {}
        _ = state.ended.wait_for(|ended| *ended) => return,
    }
    hang_up(&line, &key).await;
    if let Some(entry) = line.table.sessions().remove(&key) {
        entry.ended.send_replace(true);
    }
}

/// Returns when the session is over: true if the peer has ended it, false if BYE is due.
async fn live(line: &Line, key: &Key, state: &mut State) -> bool {
    let mut again: Option<Instant> = None;
    loop {
        let (timer, since) = *state.timers.borrow_and_update();
        let due = async {
            let Some(timer) = timer else {
                return std::future::pending().await;
            };
            let (after, due) = timer.due();
            let over = since + Duration::from_secs(timer.interval.into());
            match again {
                Some(at) if at >= over => {
                    tokio::time::sleep_until(over).await;
                    Due::Expiry
                }
                Some(at) => {
                    tokio::time::sleep_until(at).await;
                    due
                }
                None => {
                    tokio::time::sleep_until(since + after).await;
                    due
                }
            }
        };
        let due = tokio::select! {
            _ = state.left.recv() => return false,
            _ = state.ended.wait_for(|ended| *ended) => return true,
            changed = state.timers.changed() => {
                if changed.is_err() {
                    // The table has let it go, which the end of a session alone does.
                    return true;
                }
                again = None;
                continue;
            }
            due = due => due,
        };
        if due == Due::Expiry {
            tracing::warn!("nobody refreshed the session in time; it is left");
            return false;
        }
        let refreshed = tokio::select! {
            refreshed = refresh(line, key) => refreshed,
            _ = state.left.recv() => return false,
            _ = state.ended.wait_for(|ended| *ended) => return true,
        };
        match refreshed {
            Refresh::Done => again = None,
            Refresh::Over => {
                tracing::warn!("the other side does not know of the session any more; it is left");
                return false;
            }
            Refresh::Refused => {
                let interval = timer.map_or(0, |timer| timer.interval);
                let over = since + Duration::from_secs(interval.into());
                let left = over.saturating_duration_since(Instant::now());
                again = Some(Instant::now() + (left / 2).max(MIN_PAUSE));
            }
        }
    }
}

/// Refreshes the session: by UPDATE where the peer takes that, else by the same INVITE (RFC 4028 §7.4).
async fn refresh(line: &Line, key: &Key) -> Refresh {
    let mut wanted = None;
    loop {
        let request = {
            let mut sessions = line.table.sessions();
            let Some(entry) = sessions.get_mut(key) else {
                return Refresh::Over;
            };
            let Some(mut timer) = entry.timer.borrow().0 else {
                return Refresh::Done;
            };
            timer.interval = timer.interval.max(wanted.unwrap_or_default());
            let terms = entry.terms.clone();
            let mut headers = terms.requests;
            timer.ask(&mut headers);
            let credentials = terms.credentials.as_ref();
            entry.inviting = !entry.takes_update;
            if entry.takes_update {
                entry
                    .dialog
                    .request("UPDATE", &headers, Vec::new(), credentials)
            } else {
                headers.push("Content-Type", sdp::CONTENT_TYPE);
                entry
                    .dialog
                    .request("INVITE", &headers, terms.description, credentials)
            }
        };
        let response = if request.method == "UPDATE" {
            let next_hop = next_hop(line, key);
            line.requests.send(&line.endpoint, request, &next_hop).await
        } else {
            invite(line, key, request).await
        };
        let mut sessions = line.table.sessions();
        let Some(entry) = sessions.get_mut(key) else {
            return Refresh::Over;
        };
        entry.inviting = false;
        let response = match response {
            Ok(response) => response,
            Err(SendFailure::NoAnswer) => return Refresh::Over,
            Err(SendFailure::Unreachable) => return Refresh::Refused,
        };
        match response.status {
            200..=299 => {
                entry.dialog.answered();
                let timer = SessionTimer::accepted(&response.headers);
                entry.refreshed(&response.headers, timer);
                return Refresh::Done;
            }
            401 | 407
                if entry.terms.credentials.is_some()
                    && entry.dialog.answers(&response, &token()) => {}
            408 | 481 => return Refresh::Over,
            422 if wanted.is_none() => match timer::minimum(&response.headers) {
                Some(least) => wanted = Some(least),
                None => return Refresh::Refused,
            },
            _ => return Refresh::Refused,
        }
    }
}

fn next_hop(line: &Line, key: &Key) -> String {
    let sessions = line.table.sessions();
    sessions
        .get(key)
        .map_or_else(String::new, |entry| entry.dialog.next_hop())
}

/// Sends an INVITE in the dialog and acknowledges what accepts it.
async fn invite(line: &Line, key: &Key, request: Request) -> Result<Response, SendFailure> {
    let hop = next_hop(line, key);
    let mut invitation = line.requests.invite(&line.endpoint, request, &hop).await?;
    let response = loop {
        match invitation.next().await? {
            Some(response) if response.status >= 200 => break response,
            Some(_) => {}
            None => return Err(SendFailure::NoAnswer),
        }
    };
    if (200..300).contains(&response.status) {
        let ack = {
            let mut sessions = line.table.sessions();
            let Some(entry) = sessions.get_mut(key) else {
                return Ok(response);
            };
            // The ACK goes where the session is now.
            entry.retarget(&response.headers);
            let terms = entry.terms.clone();
            let (headers, credentials) = (terms.ack(), terms.credentials.as_ref());
            entry
                .dialog
                .request("ACK", &headers, Vec::new(), credentials)
        };
        let hop = next_hop(line, key);
        let sent = line.requests.acknowledge(&line.endpoint, ack.clone(), &hop);
        sent.await?;
        outgoing::acknowledge_again(line.clone(), invitation, &response, ack, hop);
    }
    Ok(response)
}

/// BYE, until it is answered or need not be (RFC 3261 §15.1.1). The session stays in the table meanwhile: a BYE of the peer's may
/// cross it.
async fn hang_up(line: &Line, key: &Key) {
    loop {
        let (bye, has_credentials) = {
            let mut sessions = line.table.sessions();
            let Some(entry) = sessions.get_mut(key) else {
                return;
            };
            entry.leaving = true;
            let terms = entry.terms.clone();
            let (headers, credentials) = (terms.bye(), terms.credentials.as_ref());
            let bye = entry
                .dialog
                .request("BYE", &headers, Vec::new(), credentials);
            (bye, credentials.is_some())
        };
        let hop = next_hop(line, key);
        let answer = line.requests.send(&line.endpoint, bye, &hop).await;
        let Ok(response) = answer else { return };
        let challenged = matches!(response.status, 401 | 407) && has_credentials;
        let mut sessions = line.table.sessions();
        let Some(entry) = sessions.get_mut(key) else {
            return;
        };
        // Whatever else the answer is, the session is over.
        if !challenged || !entry.dialog.answers(&response, &token()) {
            return;
        }
    }
}
