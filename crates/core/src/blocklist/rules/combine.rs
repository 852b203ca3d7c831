//! Combining the actions of matching rules (RFC 4745 §10.2, XDM-64…67), also of rules of which nobody knows whether they
//! match.

use super::{Actions, AllowInvite, Outcome, SubHandling};

impl Actions {
    /// The combination of both: per type the higher value; true is higher than false (XDM-64).
    #[must_use]
    pub fn combined(self, other: Self) -> Self {
        Self {
            sub_handling: self.sub_handling.max(other.sub_handling),
            allow_invite: self.allow_invite.max(other.allow_invite),
            allow_reject_invite: self.allow_reject_invite.max(other.allow_reject_invite),
        }
    }

    /// What the combined actions come to. Of different types that disagree the more permissive holds: each is for a
    /// service of its own, and no rule blocks from all of them.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let [sub_handling, allow_invite, allow_reject_invite] = self.outcomes();
        let highest = sub_handling.max(allow_invite).max(allow_reject_invite);
        highest.unwrap_or(Outcome::NoRule)
    }

    /// What each type of action comes to.
    fn outcomes(self) -> [Option<Outcome>; 3] {
        [
            self.sub_handling.map(|value| match value {
                SubHandling::Block => Outcome::Blocked,
                SubHandling::PoliteBlock => Outcome::PoliteBlocked,
                SubHandling::Confirm | SubHandling::Allow => Outcome::Allowed,
            }),
            self.allow_invite.map(|value| match value {
                AllowInvite::Reject => Outcome::Blocked,
                AllowInvite::Pass | AllowInvite::Accept => Outcome::Allowed,
            }),
            self.allow_reject_invite.map(|reject| {
                if reject {
                    Outcome::Blocked
                } else {
                    Outcome::Allowed
                }
            }),
        ]
    }

    /// Those of these values, a combination, that come to `outcome`: they have decided it.
    pub(super) fn deciding(self, outcome: Outcome) -> Self {
        let [sub_handling, allow_invite, allow_reject_invite] = self.outcomes();
        Self {
            sub_handling: self.sub_handling.filter(|_| sub_handling == Some(outcome)),
            allow_invite: self.allow_invite.filter(|_| allow_invite == Some(outcome)),
            allow_reject_invite: self
                .allow_reject_invite
                .filter(|_| allow_reject_invite == Some(outcome)),
        }
    }

    /// The values that both have.
    pub(super) fn shared(self, other: Self) -> Self {
        Self {
            sub_handling: self
                .sub_handling
                .filter(|_| self.sub_handling == other.sub_handling),
            allow_invite: self
                .allow_invite
                .filter(|_| self.allow_invite == other.allow_invite),
            allow_reject_invite: self
                .allow_reject_invite
                .filter(|_| self.allow_reject_invite == other.allow_reject_invite),
        }
    }

    const SUB_HANDLING: [Option<SubHandling>; 5] = [
        None,
        Some(SubHandling::Block),
        Some(SubHandling::Confirm),
        Some(SubHandling::PoliteBlock),
        Some(SubHandling::Allow),
    ];
    const ALLOW_INVITE: [Option<AllowInvite>; 4] = [
        None,
        Some(AllowInvite::Reject),
        Some(AllowInvite::Pass),
        Some(AllowInvite::Accept),
    ];
    const ALLOW_REJECT_INVITE: [Option<bool>; 3] = [None, Some(false), Some(true)];

    /// All combinations there are; each has one bit in a [`Combinations`].
    fn all() -> impl Iterator<Item = Self> {
        Self::SUB_HANDLING.into_iter().flat_map(|sub_handling| {
            Self::ALLOW_INVITE
                .into_iter()
                .flat_map(move |allow_invite| {
                    Self::ALLOW_REJECT_INVITE
                        .into_iter()
                        .map(move |allow_reject_invite| Self {
                            sub_handling,
                            allow_invite,
                            allow_reject_invite,
                        })
                })
        })
    }

    fn bit(self) -> u64 {
        let sub_handling = self.sub_handling.map_or(0, |value| value as u32 + 1);
        let allow_invite = self.allow_invite.map_or(0, |value| value as u32 + 1);
        let allow_reject_invite = self
            .allow_reject_invite
            .map_or(0, |value| u32::from(value) + 1);
        1 << ((sub_handling * 4 + allow_invite) * 3 + allow_reject_invite)
    }
}

/// A set of combinations that are possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Combinations(u64);

impl Combinations {
    /// Just this one.
    pub(super) fn of(actions: Actions) -> Self {
        Self(actions.bit())
    }

    /// Those of either set.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every combination of one of these with `actions`.
    pub(super) fn with(self, actions: Actions) -> Self {
        let each = self.iter().map(|held| held.combined(actions).bit());
        Self(each.fold(0, |all, bit| all | bit))
    }

    fn iter(self) -> impl Iterator<Item = Actions> {
        Actions::all().filter(move |actions| self.0 & actions.bit() != 0)
    }

    /// What all of them come to; none if they differ.
    pub(super) fn outcome(self) -> Option<Outcome> {
        let mut outcomes = self.iter().map(Actions::outcome);
        let first = outcomes.next()?;
        outcomes.all(|outcome| outcome == first).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_a_bit_of_its_own() {
        let bits: alloc::collections::BTreeSet<u64> = Actions::all().map(Actions::bit).collect();
        assert_eq!(bits.len(), 60);
        assert_eq!(Actions::all().count(), 60);
        for actions in Actions::all() {
            assert_eq!(Combinations::of(actions).outcome(), Some(actions.outcome()));
        }
    }
}
