//! The host contract: what a SIP user agent can do, what it is asked to do, what it reports (OMA-09, SW-11, SW-12).
//!
//! There is no `Host` trait and no callback. An adapter states its [`Capabilities`] once, feeds facts to the
//! [`crate::engine::Engine`] and drains [`Action`]s from it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::account::AccountId;
use crate::message::{Headers, Request, Response};
use crate::subscription::Cause;

/// What kind of host it is: who owns the dialog of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// It has transactions only; core's `dialog` makes the requests ([`Action::Send`]).
    Transaction,
    /// It has dialogs; the engine decides when to send and with which headers.
    Dialog,
    /// It also refreshes by itself; the engine only reads NOTIFYs.
    Watching,
}

/// What a host sees and lets one control. Stated once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Who owns the dialog.
    pub kind: HostKind,
    /// The final NOTIFY after an unsubscribe reaches the engine. False: the unsubscribe itself ends it.
    pub sees_final_notify: bool,
    /// Responses and requests reach the engine in the order of the wire. False: an early NOTIFY proves nothing about the
    /// server.
    pub keeps_order: bool,
    /// A 2xx to a SUBSCRIBE in the dialog reaches the engine. False: the next NOTIFY stands for it.
    pub sees_2xx: bool,
    /// Dialog hosts: each request has headers of its own. False: the host repeats those of [`Action::Subscribe`], and
    /// is given Expires only.
    pub per_request_headers: bool,
    /// Dialog and watching hosts: the route of the first SUBSCRIBE can be given. False: the host uses its own.
    pub explicit_routes: bool,
    /// Dialog and watching hosts: the engine chooses the answer to a NOTIFY. False: it is 200, and nothing is told as
    /// refused.
    pub chooses_answer: bool,
}

impl Capabilities {
    /// A host that gives transactions only.
    pub const TRANSACTION: Self = Self {
        kind: HostKind::Transaction,
        sees_final_notify: true,
        keeps_order: true,
        sees_2xx: true,
        per_request_headers: true,
        explicit_routes: true,
        chooses_answer: true,
    };
    /// A host that owns dialogs.
    pub const DIALOG: Self = Self {
        kind: HostKind::Dialog,
        sees_final_notify: true,
        keeps_order: true,
        sees_2xx: true,
        per_request_headers: true,
        explicit_routes: true,
        chooses_answer: true,
    };
    /// A host that owns whole subscriptions.
    pub const WATCHING: Self = Self {
        kind: HostKind::Watching,
        sees_final_notify: false,
        keeps_order: true,
        sees_2xx: true,
        per_request_headers: false,
        explicit_routes: true,
        chooses_answer: false,
    };
}

/// Names a request of a transaction host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub u64);

/// Names one subscription dialog of a dialog host or watching host. Each attempt has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub u64);

/// What the host is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Transaction host: send this request (it adds Via and Content-Length) and report the final response or the failure
    /// by [`Fact::Response`] or [`Fact::Failed`] with this transaction.
    Send {
        /// To report by.
        transaction: TransactionId,
        /// The request, whole.
        request: Request,
        /// URI of the next hop: the topmost Route, else the Request-URI (RFC 3261 §8.1.2). Headers do not route by
        /// themselves in every stack.
        next_hop: String,
    },
    /// Dialog host: make a dialog with this SUBSCRIBE.
    Subscribe {
        /// The engine's name for the dialog.
        subscription: SubscriptionId,
        /// Request-URI and To.
        target: String,
        /// Preloaded route set, topmost first.
        route: Vec<String>,
        /// Everything else: Event, Accept, Expires, Contact, Content-Type where there is a body … From is among them only
        /// when it must not name the user (OMA-25): the host adds its tag.
        headers: Headers,
        /// Body, empty for none.
        body: Vec<u8>,
    },
    /// Dialog host: send a SUBSCRIBE in the dialog.
    Refresh {
        /// Which dialog.
        subscription: SubscriptionId,
        /// Event, Accept, Expires, Content-Type where there is a body …
        headers: Headers,
        /// Body, empty for none.
        body: Vec<u8>,
    },
    /// Dialog host or watching host: end it with Expires: 0 and go on delivering until the final NOTIFY.
    Unsubscribe {
        /// Which dialog.
        subscription: SubscriptionId,
        /// Event, Expires …
        headers: Headers,
    },
    /// Any host: register anew, for what came shows that the registration does not work any more; then report the new
    /// facts, by which what waits goes on (IMS-39…41). Asked once until then. A host that does not register ignores it.
    Register {
        /// Whose registration.
        account: AccountId,
        /// What is wrong.
        trouble: Trouble,
    },
    /// Dialog host or watching host: no more of this dialog, whatever the wire does.
    Forget {
        /// Which dialog.
        subscription: SubscriptionId,
    },
}

/// What is wrong with a registration. Its text is a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The security agreement is stale: 494, or 420 and 421 about sec-agree (RFC 3329 §2.3.1).
    Agreement,
    /// The P-CSCF knows of no registration: its 403.
    NotRegistered,
    /// The way through P-CSCF and S-CSCF is broken: 503; another P-CSCF may do.
    Path,
    /// The S-CSCF lost the user: 504 with the word of a proxy of his (TS 24.229 §5.1.2A.1.6).
    Restoration,
    /// A request got no answer (Timer F).
    NoAnswer,
    /// The network ended the registration and wants a new one (`deactivated`, RFC 3680 §4.7.1).
    Deactivated,
    /// The network shortened the registration, to authenticate the user again (TS 24.229 §5.1.1.5.1).
    Shortened,
}

impl Trouble {
    /// A new initial registration is wanted; else a re-registration does.
    #[must_use]
    pub fn wants_initial(self) -> bool {
        self != Self::Shortened
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agreement => "the security agreement with the P-CSCF is stale",
            Self::NotRegistered => "the P-CSCF knows of no registration",
            Self::Path => "the way through the IMS core is broken",
            Self::Restoration => "the IMS core has lost the user and wants him to register anew",
            Self::NoAnswer => "the IMS core did not answer",
            Self::Deactivated => "the network ended the registration and wants a new one",
            Self::Shortened => "the network shortened the registration",
        })
    }
}

/// By which way a request came, as the host sees it (IMS-32, SEC-03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// The host does not tell.
    #[default]
    Unknown,
    /// By the way of the registration: its security association, its TLS session or other connection; where there is
    /// neither, from the address of the next hop.
    Registered,
    /// From anywhere else.
    Foreign,
}

/// What the host reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A final response. Transaction hosts name the transaction.
    Response {
        /// As given by [`Action::Send`].
        transaction: TransactionId,
        /// The response.
        response: Response,
    },
    /// No final response will come.
    Failed {
        /// As given by [`Action::Send`].
        transaction: TransactionId,
        /// Time-out or transport.
        failure: SendFailure,
    },
    /// A final response in a dialog of a dialog host.
    DialogResponse {
        /// Which dialog.
        subscription: SubscriptionId,
        /// The response.
        response: Response,
    },
    /// The last request in a dialog of a dialog host failed.
    DialogFailed {
        /// Which dialog.
        subscription: SubscriptionId,
        /// Time-out or transport.
        failure: SendFailure,
    },
    /// The network changed, a connection was lost, or the machine has slept by a clock that stood still meanwhile:
    /// notifiers must learn anew where to send, and whether they still know us (SUB-09, SW-14).
    FlowLost,
    /// A message was larger than the host takes, and is lost; of which subscription is not known. What it costs beside, a
    /// connection for one, is reported by itself.
    TooLarge,
    /// A dialog host or watching host has no such dialog any more; nothing else comes for it.
    Terminated {
        /// Which dialog.
        subscription: SubscriptionId,
    },
}

/// Why a request got no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// Timer F (RFC 3261 §17.1.2.2).
    NoAnswer,
    /// It could not be sent, or its connection broke.
    Unreachable,
}

impl From<SendFailure> for Cause {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::NoAnswer => Self::NoAnswer,
            SendFailure::Unreachable => Self::Unreachable,
        }
    }
}

/// How a NOTIFY is to be answered, at once (SUB-32).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers to add to those copied from the request.
    pub headers: Headers,
}

impl Answer {
    /// An answer without headers of its own.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Headers::new(),
        }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }
}
