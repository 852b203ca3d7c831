//! What passes between the engine and the SIP stack, for hosts that show or check it (OMA-09, SW-12).

use std::time::Duration;

use rollmark_core::host::{Action, Answer, Fact};
use rollmark_core::message::{Headers, Request};

/// Something that passed between the engine and the SIP stack. It holds identities, documents and answers to challenges: what
/// of it is shown or kept is the host's to choose.
#[derive(Clone, Debug)]
pub struct Message {
    /// Time since the plugin started.
    pub at: Duration,
    /// What it was.
    pub passed: Passed,
}

/// What passed. Of one turn, it comes before the events that follow from it.
#[derive(Clone, Debug)]
pub enum Passed {
    /// The stack was asked for this.
    Action(Action),
    /// The stack reported this.
    Fact(Fact),
    /// The stack offered this request.
    Request(Request),
    /// A stack that owns dialogs delivered this NOTIFY: its headers and its body.
    Notification(Headers, Vec<u8>),
    /// What was offered or delivered last was answered so. None: it was not for the plugin.
    Answer(Option<Answer>),
}
