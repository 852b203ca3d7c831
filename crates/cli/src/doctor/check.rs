//! A check: what was done, what came back, what to do about it. And all of them, in their order.

use std::time::Instant;

use super::redact::Redactor;
use super::text::Live;
use crate::text::safe;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    /// It works, and somebody should know something about it.
    Note,
    Failed,
    /// Not tried.
    Skipped,
}

impl State {
    /// The word in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

macro_rules! checks {
    ($($variant:ident = $id:literal, $title:literal;)*) => {
        /// What is checked, in this order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Id {
            $($variant,)*
        }

        impl Id {
            /// The word in JSON.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// The name for people.
            pub(crate) fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }
        }
    };
}

checks! {
    Resolution = "resolution", "Name resolution";
    Transport = "transport", "Transport";
    Tls = "tls", "TLS";
    Registration = "registration", "Registration";
    Mode = "mode", "Mode";
    ServiceRoute = "service-route", "Service-Route";
    Identities = "identities", "Identities";
    Subscribe = "subscribe", "SUBSCRIBE";
    FirstNotify = "first-notify", "First NOTIFY";
    Body = "body", "Body";
    Refresh = "refresh", "Refresh";
    Unsubscribe = "unsubscribe", "Unsubscribe";
    Deviations = "deviations", "Deviations";
    XcapRoot = "xcap-root", "XCAP root";
    XcapCaps = "xcap-caps", "XCAP capabilities";
    XcapAuthentication = "xcap-authentication", "XCAP authentication";
    XcapDocument = "xcap-document", "XCAP document";
    XcapList = "xcap-list", "Block list";
    XcapReferences = "xcap-references", "References";
    XcapRules = "xcap-rules", "Rules";
    XcapWrite = "xcap-write", "XCAP write";
    XcapDiff = "xcap-diff", "xcap-diff";
    Deregistration = "deregistration", "Deregistration";
}

/// One check that was made, or was not.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) id: Id,
    pub(crate) state: State,
    /// What was done; empty when nothing was.
    pub(crate) did: String,
    /// What came back; of a check that was not tried, why not, without the words before it.
    pub(crate) got: String,
    /// What to do about it.
    pub(crate) mend: Option<String>,
    /// Who says that it should be otherwise, or so.
    pub(crate) clause: &'static str,
    pub(crate) seconds: f64,
}

/// What a check found.
pub(crate) struct Finding {
    state: State,
    got: String,
    mend: Option<String>,
}

/// It is as it should be.
pub(crate) fn ok(got: impl Into<String>) -> Finding {
    Finding {
        state: State::Ok,
        got: got.into(),
        mend: None,
    }
}

/// It works, and this should be known.
pub(crate) fn note(got: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        state: State::Note,
        got: got.into(),
        mend: Some(mend.into()),
    }
}

/// It does not work.
pub(crate) fn failed(got: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        state: State::Failed,
        got: got.into(),
        mend: Some(mend.into()),
    }
}

impl Check {
    /// What came back, or why it was not tried.
    pub(crate) fn outcome(&self) -> String {
        match self.state {
            State::Skipped => format!("not tried, because {}", self.got),
            _ => self.got.clone(),
        }
    }
}

impl Finding {
    pub(crate) fn has_failed(&self) -> bool {
        self.state == State::Failed
    }
}

/// A departure of the server from the standards.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) meaning: &'static str,
}

/// A message, as one line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Seconds since the beginning.
    pub(crate) at: f64,
    /// From here, else from the server.
    pub(crate) sent: bool,
    pub(crate) text: String,
}

/// Longest text of a server that is shown in one piece, in characters.
const LONGEST: usize = 400;

/// The checks so far, told as they are made.
pub(crate) struct Examination {
    pub(crate) checks: Vec<Check>,
    pub(crate) departures: Vec<Departure>,
    pub(crate) messages: Vec<Line>,
    pub(crate) redactor: Redactor,
    live: Option<Live>,
}

impl Examination {
    pub(crate) fn new(redactor: Redactor, live: Option<Live>) -> Self {
        Self {
            checks: Vec::new(),
            departures: Vec::new(),
            messages: Vec::new(),
            redactor,
            live,
        }
    }

    /// A check was made; it was begun at `since`.
    pub(crate) fn add(
        &mut self,
        id: Id,
        since: Instant,
        did: impl Into<String>,
        clause: &'static str,
        finding: Finding,
    ) {
        let check = Check {
            id,
            state: finding.state,
            did: self.presentable(&did.into()),
            got: self.presentable(&finding.got),
            mend: finding.mend.map(|mend| self.presentable(&mend)),
            clause,
            seconds: since.elapsed().as_secs_f64(),
        };
        self.push(check);
    }

    /// A check was not made.
    pub(crate) fn skip(&mut self, id: Id, because: &str) {
        let check = Check {
            id,
            state: State::Skipped,
            did: String::new(),
            got: self.presentable(because),
            mend: None,
            clause: "",
            seconds: 0.0,
        };
        self.push(check);
    }

    /// Several were not made for one reason.
    pub(crate) fn skip_all(&mut self, ids: &[Id], because: &str) {
        for id in ids {
            self.skip(*id, because);
        }
    }

    /// All is told that was not yet.
    pub(crate) fn finish(&mut self) {
        if let Some(live) = &mut self.live {
            live.finish();
        }
    }

    fn push(&mut self, check: Check) {
        if let Some(live) = &mut self.live {
            live.show(&check);
        }
        self.checks.push(check);
    }

    /// Foreign text: of bounded length, nobody named who is not to be.
    pub(crate) fn presentable(&self, text: &str) -> String {
        let text = self.redactor.text(text);
        let text = safe(text.trim());
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{} …", &text[..end]),
            None => text,
        }
    }

    pub(crate) fn count(&self, state: State) -> usize {
        let of = |check: &&Check| check.state == state;
        self.checks.iter().filter(of).count()
    }

    /// Whether a check failed.
    pub(crate) fn has_failed(&self, id: Id) -> bool {
        let failed = |check: &Check| check.id == id && check.state == State::Failed;
        self.checks.iter().any(failed)
    }
}
