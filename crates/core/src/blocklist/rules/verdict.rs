//! What rules say of one user, and why.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use super::{Actions, AllowInvite, SubHandling};
use crate::uri::Steps;

/// What the rules come to, from the least permissive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A rule matches, and the combined value blocks or rejects (XDM-68).
    Blocked,
    /// Blocked without being told so (RFC 5025 §3.2.1, XDM-69).
    PoliteBlocked,
    /// Allowed, or for the user to confirm.
    Allowed,
    /// No rule matches, or none of those that do says anything of it: not blocked (XDM-68).
    NoRule,
    /// A list that is not at hand, or the time, could change the outcome (XDM-52).
    Unknown,
}

impl Outcome {
    /// Name as printed by the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::PoliteBlocked => "polite-blocked",
            Self::Allowed => "allowed",
            Self::NoRule => "no-rule",
            Self::Unknown => "unknown",
        }
    }
}

/// By what a rule knows its users. Only rules of the highest class that has a match count, with those of no class
/// (XDM-63).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleClass {
    /// `ocp:anonymous-request`.
    AnonymousRequest,
    /// `identity`.
    Identity,
    /// `ocp:external-list`.
    ExternalList,
    /// `ocp:other-identity`.
    OtherIdentity,
}

impl RuleClass {
    /// Name as printed by the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnonymousRequest => "anonymous-request",
            Self::Identity => "identity",
            Self::ExternalList => "external-list",
            Self::OtherIdentity => "other-identity",
        }
    }
}

/// What rules say of a user. Its `Debug` names rules, not users (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What they come to.
    pub outcome: Outcome,
    /// The rule that decides; none for [`Outcome::NoRule`] and [`Outcome::Unknown`].
    pub deciding: Option<Deciding>,
    pub(super) note: Note,
}

/// The first rule in document order that has the deciding value. Its `Debug` does not say whom its entry names (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub struct Deciding {
    /// Its id.
    pub rule: Arc<str>,
    /// Its class; none without condition on identities.
    pub class: Option<RuleClass>,
    /// Its actions that have the deciding value.
    pub actions: Actions,
    /// What of it matches: an id, a domain, a member of a list, `*` for all others. Without a password (URI-06).
    pub entry: Arc<str>,
    /// Name of the external list, or its anchor, if it matches by one.
    pub list: Option<Arc<str>>,
    /// Which URI of the user matches, counted from 0 in the order given.
    pub uri: usize,
    /// What was done to the user's URI and the entry to see that they match.
    pub steps: Steps,
}

/// What else there is to say.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// A rule that would block, and is outweighed by the more permissive one that decides.
    pub(super) outweighed: Option<Arc<str>>,
    /// A rule that matches as well, but is of a lower class.
    pub(super) passed_over: Option<Arc<str>>,
    /// A rule that matches and says nothing of blocking.
    pub(super) silent: Option<Arc<str>>,
    /// A list that could change the outcome: its name, or its anchor. Without one an unknown outcome is for the time.
    pub(super) list: Option<Arc<str>>,
    /// The user is anonymous.
    pub(super) anonymous: bool,
}

impl Verdict {
    /// True if the user counts as blocked; a polite block does only with `polite` (XDM-69).
    #[must_use]
    pub fn blocks(&self, polite: bool) -> bool {
        match self.outcome {
            Outcome::Blocked => true,
            Outcome::PoliteBlocked => polite,
            Outcome::Allowed | Outcome::NoRule | Outcome::Unknown => false,
        }
    }

    /// The reason in a sentence for people. It holds texts of the document as they are.
    #[must_use]
    pub fn why(&self) -> String {
        let Some(by) = &self.deciding else {
            return self.why_open();
        };
        let how = match by.class {
            Some(RuleClass::Identity) if *by.entry == *"*" => "names everybody".into(),
            Some(RuleClass::Identity) => format!("names {}", by.entry),
            Some(RuleClass::ExternalList) => {
                let list = by.list.as_deref().unwrap_or_default();
                format!("names the list {list}, and {} is on it", by.entry)
            }
            Some(RuleClass::OtherIdentity) => "is for everybody whom no other rule names".into(),
            Some(RuleClass::AnonymousRequest) => "is for anonymous users".into(),
            None => "is for everybody".into(),
        };
        let mut why = format!("rule {:?} {how}: {}", by.rule, by.actions.shown());
        if let Some(other) = &self.note.outweighed {
            why.push_str(&format!("; that outweighs rule {other:?}"));
        }
        if let Some(other) = &self.note.passed_over {
            why.push_str(&format!("; it goes before rule {other:?}"));
        }
        why
    }

    fn why_open(&self) -> String {
        let note = &self.note;
        if self.outcome == Outcome::Unknown {
            return match &note.list {
                Some(list) => {
                    format!("it depends on the list {list}, which is not at hand as a whole")
                }
                None => "it depends on the time, which is not known".into(),
            };
        }
        match &note.silent {
            Some(rule) => format!("rule {rule:?} matches, but says nothing of blocking"),
            None if note.anonymous => "no rule for anonymous users matches".into(),
            None => "no rule matches".into(),
        }
    }
}

impl Actions {
    /// Its first value, as a document has it.
    fn shown(self) -> String {
        if let Some(value) = self.sub_handling {
            let value = match value {
                SubHandling::Block => "block",
                SubHandling::Confirm => "confirm",
                SubHandling::PoliteBlock => "polite-block",
                SubHandling::Allow => "allow",
            };
            format!("sub-handling {value}")
        } else if let Some(value) = self.allow_invite {
            let value = match value {
                AllowInvite::Reject => "reject",
                AllowInvite::Pass => "pass",
                AllowInvite::Accept => "accept",
            };
            format!("allow-invite {value}")
        } else if let Some(value) = self.allow_reject_invite {
            format!("allow-reject-invite {value}")
        } else {
            "no action".to_string()
        }
    }
}
