//! Rules of a common-policy document as values (RFC 4745), with the conditions and actions that OMA, RFC 5025 and PoC
//! add, as far as they say who is blocked (XDM-56…70).
//!
//! A reader fills in a [`RuleSet`]; members of external lists are put in by whoever can fetch them. [`Rules`] evaluates it.

mod combine;
mod compiled;
mod discreet;
mod evaluate;
#[cfg(test)]
mod marks_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;
mod verdict;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use compiled::{RuleSettings, Rules};
pub use evaluate::Requester;
pub use verdict::{Deciding, Outcome, RuleClass, Verdict};

use crate::wall_time::WallTime;

/// The rules of one document, in document order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// In document order. The order only decides which of several equal rules is named (XDM-65).
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// `rule@id`; "" where the document has none.
    pub id: Arc<str>,
    /// All must be true; without any the rule matches everybody (XDM-56).
    pub conditions: Vec<Condition>,
    /// What it says of blocking.
    pub actions: Actions,
}

/// A child of `conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `identity`: true if any part is (RFC 4745 §7.1).
    Identity(Vec<Who>),
    /// `validity`: true within any of the intervals (RFC 4745 §7.4).
    Validity(Vec<Interval>),
    /// `sphere`: its value as written, tokens between blanks (RFC 4745 §7.3).
    Sphere(Arc<str>),
    /// `ocp:external-list`: true for members of any of the lists (XDM-62).
    ExternalList(Vec<ExternalList>),
    /// `ocp:other-identity`: true for users that no rule by identity or external list matches (XDM-62).
    OtherIdentity,
    /// `ocp:anonymous-request`: true for anonymous users, and for nobody else (XDM-62, XDM-71).
    AnonymousRequest,
    /// `service-list`, `service`, `all-services-except`: true if any part is (XDM-70).
    Services(Vec<Services>),
    /// Any other: false for everybody (XDM-57).
    Unknown,
}

/// A child of `identity`. Its `Debug` shows what it is, not whom it names (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub enum Who {
    /// `one@id`, as written.
    One(Arc<str>),
    /// `many`: any authenticated user, or those of one domain, but for exceptions (RFC 4745 §7.1.3).
    Many {
        /// `many@domain`, as written.
        domain: Option<Arc<str>>,
        /// Whom it leaves out.
        except: Vec<Except>,
    },
}

/// What an `except` leaves out. Its `Debug` does not say whom (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub enum Except {
    /// `except@id`, as written.
    Id(Arc<str>),
    /// `except@domain`, as written.
    Domain(Arc<str>),
}

/// A `from` with the `until` after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First moment.
    pub from: WallTime,
    /// First moment beyond.
    pub until: WallTime,
}

/// An `ocp:entry` of an external list. Its `Debug` shows what is known of it, not whose it is, for its anchor is below a user's
/// identity (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalList {
    /// `entry@anc`, as written: where the list is.
    pub anchor: Arc<str>,
    /// Name of the list, as the anchor tells it.
    pub name: Option<Arc<str>>,
    /// Who is on it; none until somebody has resolved the anchor, or if that failed.
    pub members: Option<Members>,
}

/// Members of an external list. Its `Debug` shows how many, not who (SEC-16).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// URIs as written in the list.
    pub uris: Vec<Arc<str>>,
    /// False when a part of the list could not be read: who is not found may yet be a member (XDM-52).
    pub complete: bool,
}

/// Services to which a rule is limited, by the names of their enablers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Services {
    /// `service`: this one.
    Only(Arc<str>),
    /// `all-services-except`: all but these.
    AllExcept(Vec<Arc<str>>),
}

/// The actions of a rule that tell who is blocked, each of its own type and combined with the same of other rules: the
/// highest value holds, and none is lower than any (RFC 4745 §10.2, XDM-64).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// `sub-handling` (RFC 5025 §3.2.1).
    pub sub_handling: Option<SubHandling>,
    /// `allow-invite` of PoC user access policy (XDM-36).
    pub allow_invite: Option<AllowInvite>,
    /// `allow-reject-invite` of the XDM extensions: true rejects (XDM-67).
    pub allow_reject_invite: Option<bool>,
}

/// `sub-handling`, from the lowest to the highest (XDM-66).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubHandling {
    /// Reject.
    Block,
    /// Ask the user.
    Confirm,
    /// Pretend to be away.
    PoliteBlock,
    /// Accept.
    Allow,
}

/// `allow-invite`, from the lowest to the highest (XDM-67).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AllowInvite {
    /// Reject.
    Reject,
    /// Ask the user.
    Pass,
    /// Accept.
    Accept,
}

impl RuleSet {
    /// The external lists of all rules, to be resolved by whoever can: [`ExternalList::members`] takes the outcome.
    pub fn external_lists_mut(&mut self) -> impl Iterator<Item = &mut ExternalList> {
        self.rules
            .iter_mut()
            .flat_map(|rule| &mut rule.conditions)
            .filter_map(|condition| match condition {
                Condition::ExternalList(lists) => Some(lists),
                _ => None,
            })
            .flatten()
    }

    /// The external lists of all rules, in document order.
    pub fn external_lists(&self) -> impl Iterator<Item = &ExternalList> {
        self.rules
            .iter()
            .flat_map(|rule| &rule.conditions)
            .filter_map(|condition| match condition {
                Condition::ExternalList(lists) => Some(lists),
                _ => None,
            })
            .flatten()
    }

    /// True when every external list is known whole (XDM-52).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.external_lists()
            .all(|list| list.members.as_ref().is_some_and(|list| list.complete))
    }
}
