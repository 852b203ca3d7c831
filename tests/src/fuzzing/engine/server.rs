//! What the server does: responses and NOTIFYs of every kind, in no order.

use arbitrary::{Result, Unstructured};
use rollmark_core::host::{Fact, HostKind, SendFailure};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::subscription::Shown;

use super::{Dialog, World};

const SERVER: &str = "<sip:focus@192.0.2.1>;isfocus";
/// Places to be redirected to.
const MORE: &str =
    "<sip:a@a.example.com>;q=0.1, <sip:b@b.example.com>, <sips:c@c.example.com>, <tel:+1>";

impl World {
    pub(super) fn respond(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let status = *u.choose(&[
            200, 200, 200, 202, 204, 401, 407, 401, 423, 403, 404, 408, 480, 481, 489, 500, 503,
            600, 603, 302, 301, 420, 421, 100, 999,
        ])?;
        let failure = match u.int_in_range(0..=9)? {
            0 => Some(SendFailure::NoAnswer),
            1 => Some(SendFailure::Unreachable),
            _ => None,
        };
        let mut headers = Headers::new();
        let tag = *u.choose(&["f1", "f1", "f1", "f2", ""])?;
        headers.push("To", format!("<sip:c@x>;tag={tag}"));
        if u.ratio(7, 8)? {
            headers.push("Contact", *u.choose(&[SERVER, SERVER, MORE, "*", "<x>"])?);
        }
        let seconds = [
            "0",
            "1",
            "2",
            "60",
            "3600",
            "4294967295",
            "99999999999",
            "x",
        ];
        for name in ["Expires", "Min-Expires", "Retry-After"] {
            if u.ratio(1, 2)? {
                headers.push(name, *u.choose(&seconds)?);
            }
        }
        if u.ratio(1, 2)? {
            let realm = u.int_in_range(0..=6)?;
            let stale = *u.choose(&["", ", stale=true"])?;
            let name = if status == 407 {
                "Proxy-Authenticate"
            } else {
                "WWW-Authenticate"
            };
            headers.push(
                name,
                format!("Digest realm=\"{realm}\", nonce=\"n\"{stale}"),
            );
        }
        let response = Response {
            status,
            reason: String::new(),
            headers,
            body: Vec::new(),
        };
        let fact = if self.kind == HostKind::Transaction {
            if self.pending.is_empty() {
                return Ok(());
            }
            let at = u.choose_index(self.pending.len())?;
            let (transaction, _) = if status < 200 && failure.is_none() {
                self.pending[at].clone()
            } else {
                self.pending.remove(at)
            };
            match failure {
                Some(failure) => Fact::Failed {
                    transaction,
                    failure,
                },
                None => Fact::Response {
                    transaction,
                    response,
                },
            }
        } else {
            if self.handles.is_empty() {
                return Ok(());
            }
            let subscription = *u.choose(&self.handles)?;
            match failure {
                Some(failure) => Fact::DialogFailed {
                    subscription,
                    failure,
                },
                None => Fact::DialogResponse {
                    subscription,
                    response,
                },
            }
        };
        self.say(format!("{fact:?}"));
        self.engine.handle_fact(self.now, fact);
        Ok(())
    }

    pub(super) fn notify(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let mut headers = Headers::new();
        if u.ratio(15, 16)? {
            headers.push(
                "Subscription-State",
                *u.choose(&[
                    "active;expires=3600",
                    "active",
                    "active;expires=0",
                    "active;expires=1",
                    "pending;expires=60",
                    "odd",
                    "terminated",
                    "terminated;reason=deactivated",
                    "terminated;reason=timeout",
                    "terminated;reason=probation;retry-after=0",
                    "terminated;reason=giveup;retry-after=4294967295",
                    "terminated;reason=noresource",
                    "terminated;reason=invariant",
                    "terminated;reason=rejected",
                    ";",
                ])?,
            );
        }
        headers.push(
            "Event",
            *u.choose(&[
                "conference",
                "conference",
                "conference",
                "presence",
                "conference;id=1",
                "",
            ])?,
        );
        let types = [
            "application/conference-info+xml",
            "application/conference-info+xml",
            "application/conference-info+xml",
            "multipart/mixed;boundary=b",
            "text/plain",
            "",
        ];
        headers.push("Content-Type", *u.choose(&types)?);
        let body = self.body(u)?;
        let claimed = match u.int_in_range(0..=15)? {
            0 => body.len() + 1,
            _ => body.len(),
        };
        headers.push("Content-Length", claimed.to_string());
        if u.ratio(15, 16)? {
            headers.push(
                "Contact",
                *u.choose(&[SERVER, "sip:other@192.0.2.3", "<>"])?,
            );
        }
        if self.kind != HostKind::Transaction {
            if self.handles.is_empty() {
                return Ok(());
            }
            let subscription = *u.choose(&self.handles)?;
            self.say(format!(
                "NOTIFY {subscription:?} {headers:?} {}",
                String::from_utf8_lossy(&body)
            ));
            let answer = self
                .engine
                .handle_notification(self.now, subscription, &headers, &body);
            assert!((200..700).contains(&answer.status));
            return Ok(());
        }
        let Some(at) = self.dialogs.len().checked_sub(1) else {
            return Ok(());
        };
        // Mostly the newest dialog.
        let at = if u.ratio(3, 4)? {
            at
        } else {
            u.choose_index(at + 1)?
        };
        let dialog = &mut self.dialogs[at];
        dialog.cseq = match u.int_in_range(0..=9)? {
            0 => dialog.cseq,
            1 => dialog.cseq.saturating_sub(1),
            2 => dialog.cseq.saturating_add(10),
            _ => dialog.cseq.saturating_add(1),
        };
        let dialog = dialog.clone();
        let right_tag = u.ratio(15, 16)?;
        let tag = if right_tag {
            dialog.local_tag.as_str()
        } else {
            "guessed"
        };
        headers.push("Call-ID", &dialog.call_id);
        headers.push("To", format!("<sip:me@example.com>;tag={tag}"));
        let from = *u.choose(&[";tag=f1", ";tag=f1", ";tag=f1", ";tag=f2", ""])?;
        headers.push("From", format!("<sip:c@x>{from}"));
        let cseq = match u.int_in_range(0..=31)? {
            0 => "4294967296 NOTIFY".into(),
            1 => "NOTIFY".into(),
            _ => format!("{} NOTIFY", dialog.cseq),
        };
        headers.push("CSeq", cseq);
        let request = Request {
            method: "NOTIFY".into(),
            uri: "sip:me@192.0.2.2".into(),
            headers,
            body,
        };
        self.say(format!(
            "{:?} {}",
            request.headers,
            String::from_utf8_lossy(&request.body)
        ));
        let live = right_tag && self.is_live(&dialog);
        let answer = self.engine.handle_request(self.now, &request);
        assert_eq!(answer.is_some(), live, "answered or not\n{}", self.story());
        assert!(answer.is_none_or(|answer| (200..700).contains(&answer.status)));
        Ok(())
    }

    /// True when a NOTIFY of this dialog is to be answered: it is the newest of a conference that awaits one.
    fn is_live(&self, dialog: &Dialog) -> bool {
        let id = self.call_ids[&dialog.call_id];
        let newest = self
            .dialogs
            .iter()
            .rfind(|other| self.call_ids[&other.call_id] == id);
        let state = self.engine.state(id);
        let waits = state.is_some_and(|state| {
            state.shown == Shown::Terminated
                || state.shown == Shown::Stale
                || state.retry_in.is_some()
        });
        newest.is_some_and(|newest| newest.call_id == dialog.call_id)
            && !self.ended.contains(&id)
            && !waits
    }

    fn body(&self, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let state = *u.choose(&["full", "partial", "partial", "deleted"])?;
        let version = u.int_in_range(0..=5)?;
        let users = *u.choose(&[
            "<users state='partial'><user entity='sip:bob@x'/></users>",
            "<users><user entity='sip:eve@x'><endpoint entity='e'><status>disconnected</status></endpoint></user></users>",
            "<users state='partial'><user entity='sip:bob@x' state='deleted'/></users>",
            "",
        ])?;
        let document = format!(
            "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' \
             state='{state}' version='{version}'>{users}</conference-info>"
        );
        Ok(match u.int_in_range(0..=9)? {
            0 => Vec::new(),
            1 => b"<broken".to_vec(),
            2 => format!(
                "--b\r\nContent-Type: application/conference-info+xml\r\n\r\n{document}\r\n--b--"
            )
            .into_bytes(),
            _ => document.into_bytes(),
        })
    }
}
