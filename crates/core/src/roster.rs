//! The roster: the users of a conference joined with the block verdict (OMA-15, OMA-16, XDM-80, SW-16…18).

mod marks;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::blocklist::{BlockLists, Candidates, Changed, Mark};
use crate::conference::{
    Change, Conference, Deviation, Info, Need, Outcome, RosterState, RowFate, Settings, User,
};
use crate::engine::What;
use marks::{Classes, Marks};

/// One row: a user and his mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The user as the conference tells him.
    pub user: User,
    /// Blocked or not, and why.
    pub mark: Mark,
}

/// What a document did to the roster.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct News {
    /// What became of the document.
    pub outcome: Outcome,
    /// What changed, in the order of the event stream.
    pub events: Vec<What>,
    /// Departures of the notifier met for the first time in this subscription.
    pub deviations: Vec<Deviation>,
    /// A document showed that one before it was missed.
    pub gap: bool,
}

/// Users with marks, kept right under changes of either.
///
/// The engine keeps one for each subscription. By itself it joins documents at hand with block lists, without any
/// network: [`Roster::begin_subscription`], then [`Roster::apply`] for the body of each NOTIFY in the order of their CSeq.
#[derive(Debug)]
pub struct Roster {
    conference: Conference,
    /// The conference is known by the URI subscribed to, or by its first document.
    named: Option<Box<str>>,
    marks: Marks,
}

impl Roster {
    /// An empty roster of the conference with that URI; for none, of the one that the first applied document names.
    #[must_use]
    pub fn new(settings: Settings, uri: Option<&str>) -> Self {
        let mut roster = Self {
            conference: Conference::new(settings),
            named: None,
            marks: Marks::default(),
        };
        if let Some(uri) = uri {
            roster.name(uri);
        }
        roster
    }

    fn name(&mut self, uri: &str) {
        self.conference.set_conference(uri);
        self.named = Some(uri.into());
    }

    /// The conference: the URI subscribed to, else the name that the first applied document gave it.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The rows in the order in which they first appeared.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.conference.users().map(|user| Row {
            mark: self.told(user),
            user: user.clone(),
        })
    }

    /// Conference-level information.
    #[must_use]
    pub fn info(&self) -> &Info {
        self.conference.info()
    }

    /// How far the rows can be trusted.
    #[must_use]
    pub fn state(&self) -> RosterState {
        self.conference.state()
    }

    /// Users that are counted but not listed.
    #[must_use]
    pub fn hidden_users(&self) -> usize {
        self.conference.hidden_users()
    }

    /// Version of the last document applied.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        self.conference.version()
    }

    /// Whether full state is to be asked for (RFC 4575 §4.6).
    #[must_use]
    pub fn full_state(&self) -> Option<Need> {
        self.conference.full_state()
    }

    /// A new subscription begins: versions and what was learnt of the notifier are forgotten, the rows stay on show
    /// (CONF-11, CONF-12).
    pub fn begin_subscription(&mut self) {
        self.conference.begin_subscription();
    }

    /// Applies the body of a NOTIFY. `now` is the host's monotonic time.
    pub fn apply(&mut self, now: Duration, body: &[u8], lists: &BlockLists) -> News {
        let applied = self.conference.apply(now, body);
        if self.named.is_none()
            && let Some(entity) = self.conference.entity()
        {
            let entity: Box<str> = entity.into();
            self.name(&entity);
        }
        let mut news = News {
            outcome: applied.outcome,
            deviations: applied.deviations,
            gap: applied.gap,
            ..News::default()
        };
        if applied.info_changed {
            news.events
                .push(What::Conference(Arc::new(self.conference.info().clone())));
        }
        if applied.first {
            self.marks.clear();
            let mut rows: Vec<Row> = Vec::with_capacity(self.conference.len());
            for user in self.conference.users() {
                let (row, classes) = row(user, lists);
                self.marks.tell(user.row(), row.mark.clone(), classes);
                rows.push(row);
            }
            let blocked: Vec<What> = rows
                .iter()
                .filter(|row| row.user.present() && row.mark.blocked_by().is_some())
                .map(|row| What::Blocked(row.clone()))
                .collect();
            news.events.push(What::Roster(rows));
            news.events.extend(blocked);
        } else {
            self.tell(applied.changes, lists, &mut news.events);
        }
        news
    }

    fn tell(&mut self, changes: Vec<Change>, lists: &BlockLists, events: &mut Vec<What>) {
        let mut marks = Vec::new();
        for change in changes {
            events.push(match change {
                Change::Left { user, cause, row } => What::Left {
                    kept: row == RowFate::Kept,
                    row: self.settle(user, row, lists),
                    cause,
                },
                Change::NotJoined { user, cause, row } => What::NotJoined {
                    kept: row == RowFate::Kept,
                    row: self.settle(user, row, lists),
                    cause,
                },
                Change::Unlisted(user) => What::Unlisted(self.settle(user, RowFate::Gone, lists)),
                Change::Joined(user) => {
                    let row = self.settle(user, RowFate::Kept, lists);
                    marks.extend(marked(&Mark::Unknown, &row));
                    What::Joined(row)
                }
                Change::Listed(user) => What::Listed(self.settle(user, RowFate::Kept, lists)),
                Change::Updated { user, fields } => {
                    let before = self.told(&user);
                    let row = self.settle(user, RowFate::Kept, lists);
                    let mut fields: Vec<&'static str> = fields.iter().collect();
                    if before != row.mark {
                        fields.push(MARK);
                        marks.extend(marked(&before, &row));
                    }
                    What::Updated { row, fields }
                }
            });
        }
        events.append(&mut marks);
    }

    /// Marks rows anew after a change of the lists or of the own identities (XDM-80): those that it can concern.
    pub(crate) fn remark(&mut self, lists: &BlockLists, what: &Changed) -> Vec<What> {
        let users: Vec<User> = match what {
            Changed::Everything => self.conference.users().cloned().collect(),
            Changed::Identities(identities) => self.concerned(identities),
        };
        let mut changed = Vec::new();
        let mut marks = Vec::new();
        for user in users {
            let (row, classes) = row(&user, lists);
            let before = self.marks.tell(user.row(), row.mark.clone(), classes);
            let before = before.unwrap_or(Mark::Unknown);
            if before == row.mark {
                continue;
            }
            if row.user.present() {
                marks.extend(marked(&before, &row));
                changed.push(What::Updated {
                    row,
                    fields: alloc::vec![MARK],
                });
            } else {
                changed.push(What::Listed(row));
            }
        }
        changed.append(&mut marks);
        changed
    }

    /// The users that may have one of these identities, in the order of their rows.
    fn concerned(&self, identities: &[alloc::string::String]) -> Vec<User> {
        let mut rows: Vec<u64> = BlockLists::classes(identities)
            .flat_map(|class| self.marks.rows_of(class))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter()
            .filter_map(|row| self.conference.row(row).cloned())
            .collect()
    }

    fn told(&self, user: &User) -> Mark {
        self.marks.get(user.row())
    }

    /// The row of a user with his mark as it is now, which counts as told; a row that is gone is forgotten.
    fn settle(&mut self, user: User, fate: RowFate, lists: &BlockLists) -> Row {
        let (row, classes) = row(&user, lists);
        match fate {
            RowFate::Kept => self.marks.tell(user.row(), row.mark.clone(), classes),
            RowFate::Gone => self.marks.forget(user.row()),
        };
        row
    }
}

/// Name of the mark among changed fields.
const MARK: &str = "mark";

fn marked(before: &Mark, row: &Row) -> Option<What> {
    match (before.blocked_by(), row.mark.blocked_by()) {
        (None, Some(_)) => Some(What::Blocked(row.clone())),
        (Some(_), None) => Some(What::Unblocked(row.clone())),
        _ => None,
    }
}

/// The row of a user as it is now, and the classes of the URIs on which its mark rests.
fn row(user: &User, lists: &BlockLists) -> (Row, Classes) {
    let mut endpoints = Vec::new();
    if lists.uses_endpoints() {
        endpoints.extend(user.endpoints().map(|endpoint| endpoint.entity()));
    }
    let candidates = Candidates {
        entity: user.entity(),
        associated_aors: user.associated_aors().map(|aor| aor.uri).collect(),
        endpoints,
        yours: user.is_yours(),
        anonymous: user.is_anonymous(),
    };
    let mut classes = Classes::new();
    let mark = lists.mark_in_classes(&candidates, |class| classes.push(class));
    let row = Row {
        user: user.clone(),
        mark,
    };
    (row, classes)
}
