//! What a document changes in the roster, as one event a user (CONF-58), and why somebody left (CONF-52, CONF-53).

use core::fmt;

use super::endpoint::Endpoint;
use super::groups::UserGroups;
use super::record::{Record, tag};
use super::row::{Presence, status};
use super::user::User;

/// One change of the roster. The old roster and the changes of a document give the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The user was present and is not.
    Left {
        /// As the row is now; if it is gone, as it was.
        user: User,
        /// Why.
        cause: Cause,
        /// Whether the row stays.
        row: RowFate,
    },
    /// The user was expected and will not come.
    NotJoined {
        /// As the row is now; if it is gone, as it was.
        user: User,
        /// Why.
        cause: Cause,
        /// Whether the row stays.
        row: RowFate,
    },
    /// The row of a user who was not present is gone.
    Unlisted(User),
    /// The user was not present and is.
    Joined(User),
    /// A row of a user who is not present appeared or changed.
    Listed(User),
    /// A known field changed while the user was present.
    Updated {
        /// As the row is now.
        user: User,
        /// What changed.
        fields: Fields,
    },
}

impl Change {
    /// The user the change is about.
    pub fn user(&self) -> &User {
        match self {
            Self::Left { user, .. }
            | Self::NotJoined { user, .. }
            | Self::Unlisted(user)
            | Self::Joined(user)
            | Self::Listed(user)
            | Self::Updated { user, .. } => user,
        }
    }

    /// The place of this kind among the changes of one document.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Left { .. } => 0,
            Self::NotJoined { .. } => 1,
            Self::Unlisted(_) => 2,
            Self::Joined(_) => 3,
            Self::Listed(_) => 4,
            Self::Updated { .. } => 5,
        }
    }
}

/// Whether the row of somebody who left is still in the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowFate {
    /// Still there.
    Kept,
    /// Not there any more.
    Gone,
}

impl RowFate {
    /// The word for reports: `kept`, `gone`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Gone => "gone",
        }
    }
}

/// Why somebody left or did not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Hung up, was deleted, or nothing was said.
    Departed,
    /// Was sent away.
    Booted,
    /// Could not be reached, or fell out.
    Failed,
    /// Was busy.
    Busy,
    /// Did not want to: a failure with SIP cause 603.
    Declined,
    /// Is absent from a full document, or the conference is gone.
    Vanished,
}

impl Cause {
    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Departed => "departed",
            Self::Booted => "booted",
            Self::Failed => "failed",
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::Vanished => "vanished",
        }
    }
}

/// Which known fields of a user changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fields(u8);

impl Fields {
    const NAMES: [&str; 8] = [
        "display_text",
        "status",
        "roles",
        "associated_aors",
        "languages",
        "endpoints",
        "cascaded_focus",
        "yourown",
    ];

    /// True when nothing changed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the fields, as in reports.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter_map(move |(bit, name)| (self.0 & (1 << bit) != 0).then_some(name))
    }

    /// What differs between two rows; the order of endpoints and media does not count.
    pub(super) fn between(old: &Record, new: &Record) -> Self {
        let (old, new) = (old.text(), new.text());
        if old == new {
            return Self::default();
        }
        let (a, b) = (UserGroups::new(old, true), UserGroups::new(new, true));
        let differs = [
            a.field(tag::DISPLAY_TEXT) != b.field(tag::DISPLAY_TEXT),
            status(old) != status(new),
            a.list(tag::ROLES) != b.list(tag::ROLES),
            a.list(tag::AORS) != b.list(tag::AORS),
            a.list(tag::LANGUAGES) != b.list(tag::LANGUAGES),
            !a.same_endpoints(&b),
            a.field(tag::CASCADED_FOCUS) != b.field(tag::CASCADED_FOCUS),
            a.is_yours() != b.is_yours(),
        ];
        let bits = differs.into_iter().enumerate();
        Self(bits.fold(0, |all, (bit, differs)| all | (u8::from(differs) << bit)))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The change from one row to another; `gone` is the cause if the row is gone.
pub(super) fn change(old: Option<&User>, new: Option<&User>, gone: Cause) -> Option<Change> {
    match (old, new) {
        (None, None) => None,
        (None, Some(user)) if user.present() => Some(Change::Joined(user.clone())),
        (None, Some(user)) => Some(Change::Listed(user.clone())),
        (Some(old), None) => {
            let (user, row) = (old.clone(), RowFate::Gone);
            Some(match old.presence() {
                Presence::Present => Change::Left {
                    user,
                    cause: gone,
                    row,
                },
                Presence::Expected => Change::NotJoined {
                    user,
                    cause: gone,
                    row,
                },
                Presence::Left | Presence::Unknown => Change::Unlisted(user),
            })
        }
        (Some(old), Some(new)) => {
            let fields = Fields::between(old.record(), new.record());
            let (user, row) = (new.clone(), RowFate::Kept);
            match (old.presence(), new.presence()) {
                _ if fields.is_empty() => None,
                (Presence::Present, Presence::Present) => Some(Change::Updated { user, fields }),
                (_, Presence::Present) => Some(Change::Joined(user)),
                (Presence::Present, _) => Some(Change::Left {
                    user,
                    cause: cause(old, new),
                    row,
                }),
                (Presence::Expected, Presence::Left) => Some(Change::NotJoined {
                    user,
                    cause: cause(old, new),
                    row,
                }),
                _ => Some(Change::Listed(user)),
            }
        }
    }
}

/// Why a user whose row stays is not there any more: by the last endpoint that was disconnected just now.
fn cause(old: &User, new: &User) -> Cause {
    let disconnected =
        |endpoint: &Endpoint<'_>| Presence::of_status(endpoint.status()) == Presence::Left;
    let was_disconnected = |entity: &str| {
        old.endpoints()
            .any(|endpoint| endpoint.entity() == entity && disconnected(&endpoint))
    };
    let Some(endpoint) = new
        .endpoints()
        .filter(|endpoint| disconnected(endpoint) && !was_disconnected(endpoint.entity()))
        .last()
    else {
        return Cause::Departed;
    };
    match endpoint.disconnection_method() {
        Some("booted") => Cause::Booted,
        Some("busy") => Cause::Busy,
        Some("failed") => {
            let info = endpoint.disconnection_info();
            let reason = info.and_then(|info| info.reason());
            if reason.is_some_and(|reason| has_cause(reason, "603")) {
                Cause::Declined
            } else {
                Cause::Failed
            }
        }
        _ => Cause::Departed,
    }
}

/// True when `reason` is a Reason header field (RFC 3326 §2) with that cause; any other text is only text (CONF-53).
fn has_cause(reason: &str, cause: &str) -> bool {
    let reason = reason.trim();
    let (Some(name), Some(values)) = (reason.get(..7), reason.get(7..)) else {
        return false;
    };
    if !name.eq_ignore_ascii_case("Reason:") {
        return false;
    }
    let mut quoted = false;
    let mut escaped = false;
    values
        .split(|c: char| {
            let separator = !quoted && matches!(c, ';' | ',');
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            separator
        })
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, value)| name.trim().eq_ignore_ascii_case("cause") && value.trim() == cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_from_a_reason_header_field_only() {
        for (reason, expected) in [
            ("Reason: SIP;cause=603;text=\"Decline\"", true),
            ("reason:SIP ; text=\"a;b\" ; Cause = 603", true),
            ("Reason: Q.850;cause=21, SIP;cause=603", true),
            ("Reason: SIP;cause=486", false),
            ("Reason: SIP;text=\"x;cause=603\"", false),
            ("Reason: SIP;text=\"\\\";cause=603\"", false),
            ("SIP;cause=603", false),
            ("603", false),
            ("", false),
            ("Grün…", false),
        ] {
            assert_eq!(has_cause(reason, "603"), expected, "{reason}");
        }
    }
}
