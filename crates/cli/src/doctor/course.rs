//! A subscription under examination: what passes on the wire and what the plugin makes of it, in the order in which it comes.

use std::time::{Duration, Instant};

use rollmark::core::conference::DeviationCode;
use rollmark::core::header::{self, SubscriptionState};
use rollmark::core::host::{Action, Fact, SendFailure, TransactionId};
use rollmark::core::message::{Request, Response};
use rollmark::core::subscription::EndReason;
use rollmark::{Conference, Message, Passed, State, What};
use tokio::sync::mpsc;

use super::check::Line;

/// Something that passed on the wire, of the subscription under examination.
pub(crate) enum Seen {
    /// A SUBSCRIBE was sent.
    Sent(Request),
    /// A final response came.
    Response(Response),
    /// No final response will come.
    Failed(SendFailure),
    /// A NOTIFY came.
    Notify(Request),
    /// It was answered with this status.
    Answered(u16),
}

/// The same with its time.
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) seen: Seen,
}

/// A departure of the server, and when it was noticed.
pub(crate) struct Deviation {
    pub(crate) at: Duration,
    pub(crate) code: DeviationCode,
    pub(crate) detail: String,
}

/// A subscription and all that is known of it.
pub(crate) struct Course {
    pub(crate) conference: Conference,
    messages: mpsc::UnboundedReceiver<Message>,
    pub(crate) entries: Vec<Entry>,
    transactions: Vec<TransactionId>,
    /// The last request that was offered is one of this subscription.
    own: bool,
    pub(crate) lines: Vec<Line>,
    pub(crate) state: Option<State>,
    /// When the first whole roster was told, and how many users it has.
    pub(crate) roster: Option<(Duration, usize)>,
    pub(crate) deviations: Vec<Deviation>,
    pub(crate) ended: Option<(EndReason, Option<u16>)>,
}

impl Course {
    pub(crate) fn new(conference: Conference, messages: mpsc::UnboundedReceiver<Message>) -> Self {
        Self {
            conference,
            messages,
            entries: Vec::new(),
            transactions: Vec::new(),
            own: false,
            lines: Vec::new(),
            state: None,
            roster: None,
            deviations: Vec::new(),
            ended: None,
        }
    }

    /// Goes on until this holds, at most so long; whether it holds. What came with it is taken, too.
    pub(crate) async fn until(
        &mut self,
        patience: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> bool {
        let deadline = Instant::now() + patience;
        while !holds(self) {
            if !self.step(deadline).await {
                return holds(self);
            }
        }
        while self.step(Instant::now()).await {}
        true
    }

    /// Takes one thing; false when time is up, or nothing more can come.
    async fn step(&mut self, deadline: Instant) -> bool {
        tokio::select! {
            // What passed comes before what was made of it.
            biased;
            Some(message) = self.messages.recv() => {
                self.passed(message);
                true
            }
            event = self.conference.next(), if self.ended.is_none() => {
                match event {
                    Some(event) => self.happened(event.at, event.what),
                    None => self.ended = Some((EndReason::Unsubscribed, None)),
                }
                true
            }
            () = tokio::time::sleep_until(deadline.into()) => false,
        }
    }

    fn happened(&mut self, at: Duration, what: What) {
        match what {
            What::State(state) => self.state = Some(state),
            What::Roster(rows) => {
                self.roster.get_or_insert((at, rows.len()));
            }
            What::Deviation { code, detail } => {
                self.deviations.push(Deviation { at, code, detail });
            }
            What::Ended { reason, status } => self.ended = Some((reason, status)),
            _ => {}
        }
    }

    fn passed(&mut self, message: Message) {
        let at = message.at;
        match message.passed {
            Passed::Action(Action::Send {
                transaction,
                request,
                ..
            }) => {
                self.line(at, true, request_line(&request));
                if is_of_conference(&request) {
                    self.transactions.push(transaction);
                    self.entries.push(Entry {
                        at,
                        seen: Seen::Sent(request),
                    });
                }
            }
            Passed::Fact(Fact::Response {
                transaction,
                response,
            }) => {
                self.line(at, false, response_line(&response));
                if self.transactions.contains(&transaction) {
                    self.entries.push(Entry {
                        at,
                        seen: Seen::Response(response),
                    });
                }
            }
            Passed::Fact(Fact::Failed {
                transaction,
                failure,
            }) => {
                let text = match failure {
                    SendFailure::NoAnswer => "(no answer)",
                    SendFailure::Unreachable => "(cannot be reached)",
                };
                self.line(at, false, text.to_owned());
                if self.transactions.contains(&transaction) {
                    self.entries.push(Entry {
                        at,
                        seen: Seen::Failed(failure),
                    });
                }
            }
            Passed::Request(request) => {
                self.line(at, false, request_line(&request));
                self.own = is_of_conference(&request);
                if self.own {
                    self.entries.push(Entry {
                        at,
                        seen: Seen::Notify(request),
                    });
                }
            }
            Passed::Answer(Some(answer)) => {
                self.line(at, true, answer.status.to_string());
                if self.own {
                    self.entries.push(Entry {
                        at,
                        seen: Seen::Answered(answer.status),
                    });
                }
            }
            // Hosts of other kinds; and what is not the plugin's.
            _ => {}
        }
    }

    fn line(&mut self, at: Duration, sent: bool, text: String) {
        /// Most lines that are kept.
        const MAX_LINES: usize = 200;
        if self.lines.len() < MAX_LINES {
            let at = at.as_secs_f64();
            self.lines.push(Line { at, sent, text });
        }
    }

    /// The attempt is lost: the subscription is over, or tried anew later.
    pub(crate) fn is_lost(&self) -> bool {
        self.ended.is_some()
            || self
                .state
                .as_ref()
                .is_some_and(|state| state.retry_in.is_some())
    }

    /// Final responses from that entry on, with their places.
    pub(crate) fn responses(
        &self,
        from: usize,
    ) -> impl Iterator<Item = (usize, &Entry, &Response)> {
        let entries = self.entries.iter().enumerate().skip(from);
        entries.filter_map(|(place, entry)| match &entry.seen {
            Seen::Response(response) => Some((place, entry, response)),
            _ => None,
        })
    }

    /// NOTIFYs from that entry on.
    pub(crate) fn notifies(&self, from: usize) -> impl Iterator<Item = (&Entry, &Request)> {
        let entries = self.entries.iter().skip(from);
        entries.filter_map(|entry| match &entry.seen {
            Seen::Notify(request) => Some((entry, request)),
            _ => None,
        })
    }

    /// A 2xx from that entry on.
    pub(crate) fn accepted(&self, from: usize) -> Option<(usize, &Entry, &Response)> {
        self.responses(from)
            .find(|(_, _, response)| (200..300).contains(&response.status))
    }

    /// The status of the answer to the newest NOTIFY.
    pub(crate) fn answered(&self) -> Option<u16> {
        self.entries
            .iter()
            .rev()
            .find_map(|entry| match entry.seen {
                Seen::Answered(status) => Some(status),
                _ => None,
            })
    }

    /// No final response came because of this.
    pub(crate) fn failure(&self, from: usize) -> Option<SendFailure> {
        let entries = self.entries.iter().skip(from);
        entries.rev().find_map(|entry| match entry.seen {
            Seen::Failed(failure) => Some(failure),
            _ => None,
        })
    }
}

fn is_of_conference(request: &Request) -> bool {
    let event = request.headers.get("Event").and_then(header::Event::parse);
    event.is_none_or(|event| event.package.eq_ignore_ascii_case("conference"))
}

/// Subscription-State of a NOTIFY.
pub(crate) fn state_of(notify: &Request) -> Option<SubscriptionState> {
    let state = notify.headers.get("Subscription-State")?;
    SubscriptionState::parse(state)
}

/// What of a request is shown: never an answer to a challenge.
fn request_line(request: &Request) -> String {
    let mut line = format!("{} {}", request.method, request.uri);
    for name in ["Event", "Expires", "Subscription-State", "Content-Type"] {
        if let Some(value) = request.headers.get(name) {
            line += &format!(" · {name}: {value}");
        }
    }
    for name in ["Authorization", "Proxy-Authorization"] {
        if request.headers.get(name).is_some() {
            line += &format!(" · {name}: (left out)");
        }
    }
    if !request.body.is_empty() {
        line += &format!(" · {} octets", request.body.len());
    }
    line
}

fn response_line(response: &Response) -> String {
    let mut line = format!("{} {}", response.status, response.reason);
    for name in [
        "Contact",
        "Expires",
        "Min-Expires",
        "Retry-After",
        "Server",
        "Warning",
    ] {
        if let Some(value) = response.headers.get(name) {
            line += &format!(" · {name}: {value}");
        }
    }
    line
}
