//! How the screen is looked at: filter, search, order, selection, panels, and the keys that change them.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rollmark::{Mark, Row};
use rollmark_xdm::edit::Change;

use super::model::{Model, is_blocked};

/// Most characters of a search.
const LONGEST_SEARCH: usize = 80;

/// The keys, as help and README have them.
pub(crate) const KEYS: [(&str, &str); 15] = [
    ("Up Down j k", "select a user"),
    ("PgUp PgDn Home End", "move further"),
    ("Enter", "details of the selected user"),
    ("f", "filter: all, blocked, left"),
    ("/", "search names and identities; Esc ends it"),
    ("b", "block the selected user"),
    ("u", "unblock him"),
    ("m", "switch between plain SIP and IMS"),
    ("i", "conference, subscription, block lists, server"),
    ("l", "the whole log"),
    ("r", "the last request"),
    ("Ctrl-Z Ctrl-L", "suspend, draw anew"),
    ("?", "this help"),
    ("Esc", "close what is open"),
    ("q Ctrl-C", "unsubscribe and quit"),
];

/// The keys for `--help`.
pub(crate) fn help() -> String {
    let keys = KEYS
        .iter()
        .map(|(keys, what)| format!("\n  {keys:<20} {what}"));
    format!(
        "Keys of the screen, which a terminal shows:{}",
        keys.collect::<String>()
    )
}

/// What a key asks of the world outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Quit,
    Suspend,
    Redraw,
    Switch,
    Edit(Edit),
}

/// A user to be put on a block list, or taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) change: Change,
    /// His URI; for who is to be unblocked, the entry that blocks him.
    pub(crate) uri: String,
    /// The source that blocks him now.
    pub(crate) source: Option<String>,
}

/// Whom the roster shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Filter {
    #[default]
    All,
    Blocked,
    Left,
}

impl Filter {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Blocked => "blocked",
            Self::Left => "left",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::All => Self::Blocked,
            Self::Blocked => Self::Left,
            Self::Left => Self::All,
        }
    }
}

/// What lies over the roster, or beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panel {
    Details,
    Help,
    Info,
    Log,
    Request,
}

/// How it is looked at.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) filter: Filter,
    pub(crate) search: String,
    /// A search is being typed.
    pub(crate) typing: bool,
    pub(crate) panel: Option<Panel>,
    /// First line of the panel that is seen.
    pub(crate) panel_top: usize,
    /// Rows in the order shown.
    order: Vec<u64>,
    fresh: bool,
    selected: Option<u64>,
    /// Where the selected row stands in the order.
    at: usize,
    /// First row that is seen.
    top: usize,
    /// Rows that could be seen last.
    height: usize,
    /// The user has moved: the selection follows his row, not the top.
    moved: bool,
}

impl View {
    /// Rows changed, so the order is to be made anew before it is shown.
    pub(crate) fn changed(&mut self) {
        self.fresh = false;
    }

    pub(crate) fn selected(&self) -> Option<u64> {
        self.selected
    }

    /// How many rows there are to be seen.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The first row that is seen, and all that are.
    pub(crate) fn seen(&self) -> (usize, &[u64]) {
        let end = (self.top + self.height).min(self.order.len());
        (self.top, &self.order[self.top.min(end)..end])
    }

    fn select(&mut self, at: usize) {
        self.at = at.min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(self.at).copied();
    }

    fn step(&mut self, by: isize) {
        self.moved = true;
        self.select(self.at.saturating_add_signed(by));
    }

    fn filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.refilter();
    }

    fn refilter(&mut self) {
        self.fresh = false;
        self.moved = false;
        self.selected = None;
        self.at = 0;
        self.top = 0;
    }

    fn open(&mut self, panel: Panel) {
        self.panel = match self.panel {
            Some(open) if open == panel => None,
            _ => Some(panel),
        };
        self.panel_top = 0;
    }
}

/// Where a row stands: who is blocked and here is first, then who is here, is expected, is only listed.
fn rank(row: &Row) -> u8 {
    match (row.user.present(), is_blocked(row)) {
        (true, true) => 0,
        (true, false) => 1,
        _ if row.user.expected() => 2,
        _ => 3,
    }
}

impl Model {
    /// Makes the order right and puts the selected row among `height` that are seen.
    pub(crate) fn arrange(&mut self, height: usize) {
        if !self.view.fresh {
            self.order();
        }
        let view = &mut self.view;
        view.height = height;
        view.top = view.top.min(view.at);
        if view.at >= view.top + height {
            view.top = view.at + 1 - height.max(1);
        }
        // No empty lines at the end while rows are hidden above.
        view.top = view.top.min(view.order.len().saturating_sub(height));
    }

    fn order(&mut self) {
        let search = self.view.search.to_lowercase();
        let found = |row: &Row| {
            let text = row.user.display_text().unwrap_or_default();
            search.is_empty()
                || row.user.entity().to_lowercase().contains(&search)
                || text.to_lowercase().contains(&search)
        };
        let mut order: Vec<(u8, Duration, u64)> = match self.view.filter {
            Filter::Left => {
                let left = self.left.iter().filter(|(_, left)| found(&left.row));
                // Who left last is first.
                let last = self.left.values().map(|left| left.at).max();
                let last = last.unwrap_or_default();
                left.map(|(number, left)| (0, last - left.at, *number))
                    .collect()
            }
            filter => {
                let rows = self.rows.iter().filter(|(_, row)| {
                    (filter != Filter::Blocked || is_blocked(row)) && found(row)
                });
                rows.map(|(number, row)| (rank(row), Duration::ZERO, *number))
                    .collect()
            }
        };
        order.sort_unstable();
        let view = &mut self.view;
        view.order.clear();
        view.order
            .extend(order.into_iter().map(|(_, _, number)| number));
        view.fresh = true;
        let kept = view
            .selected
            .filter(|_| view.moved)
            .and_then(|selected| view.order.iter().position(|number| *number == selected));
        let at = match kept {
            Some(at) => at,
            None if view.moved => view.at,
            None => 0,
        };
        view.select(at);
    }

    /// Takes a key; gives what it asks of the world.
    pub(crate) fn key(&mut self, now: Duration, key: KeyEvent) -> Option<Wish> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => self.quit(),
                KeyCode::Char('z') => Some(Wish::Suspend),
                KeyCode::Char('l') => Some(Wish::Redraw),
                _ => None,
            };
        }
        if self.view.typing {
            self.type_search(key.code);
            return None;
        }
        let page = isize::try_from(self.view.height.max(2) - 1).unwrap_or(isize::MAX);
        match key.code {
            KeyCode::Char('q') => return self.quit(),
            KeyCode::Esc if self.view.panel.is_some() => self.view.panel = None,
            KeyCode::Esc => {
                self.view.search.clear();
                self.view.refilter();
            }
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::PageUp => self.go(-page),
            KeyCode::PageDown | KeyCode::Char(' ') => self.go(page),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            KeyCode::Enter => self.view.open(Panel::Details),
            KeyCode::Char('?' | 'h') => self.view.open(Panel::Help),
            KeyCode::Char('i') => self.view.open(Panel::Info),
            KeyCode::Char('l') => {
                self.view.open(Panel::Log);
                // The latest lines; what is drawn ends there.
                self.view.panel_top = usize::MAX;
            }
            KeyCode::Char('r') => self.view.open(Panel::Request),
            KeyCode::Char('f') => self.view.filter(self.view.filter.next()),
            KeyCode::Char('/') => {
                self.view.panel = None;
                self.view.typing = true;
            }
            KeyCode::Char('m') => return Some(Wish::Switch),
            KeyCode::Char('b') => return self.edit(now, Change::Block),
            KeyCode::Char('u') => return self.edit(now, Change::Unblock),
            _ => {}
        }
        None
    }

    fn quit(&mut self) -> Option<Wish> {
        self.leaving = true;
        Some(Wish::Quit)
    }

    fn go(&mut self, by: isize) {
        match self.view.panel {
            None | Some(Panel::Details) => {
                if !self.view.fresh {
                    self.order();
                }
                self.view.step(by);
            }
            Some(_) => self.view.panel_top = self.view.panel_top.saturating_add_signed(by),
        }
    }

    fn type_search(&mut self, key: KeyCode) {
        let view = &mut self.view;
        match key {
            KeyCode::Enter => view.typing = false,
            KeyCode::Esc => {
                view.typing = false;
                view.search.clear();
            }
            KeyCode::Backspace => {
                view.search.pop();
            }
            KeyCode::Char(c) if view.search.chars().count() < LONGEST_SEARCH => {
                view.search.push(c);
            }
            _ => return,
        }
        view.refilter();
    }

    /// Whom `b` and `u` mean, or why nothing is done.
    fn edit(&mut self, now: Duration, change: Change) -> Option<Wish> {
        let Some(row) = self.selected() else {
            self.answer(now, "nobody is selected");
            return None;
        };
        let name = crate::text::name(row);
        let refusal = match (&row.mark, change) {
            (Mark::Own, Change::Block) => Some("that is you".to_owned()),
            (Mark::Blocked(_), Change::Block) => Some(format!("{name} is blocked already")),
            (Mark::Blocked(by), Change::Unblock) => by.rule.as_ref().map(|rule| {
                let rule = crate::text::safe(rule);
                format!(
                    "{name} is blocked by rule {rule}, and rules are not changed here: what another would mean depends on all of them"
                )
            }),
            (_, Change::Unblock) => Some(format!("{name} is not blocked")),
            (_, Change::Block) => None,
        };
        if let Some(refusal) = refusal {
            self.answer(now, &refusal);
            return None;
        }
        let by = row.mark.blocked_by();
        let edit = Edit {
            change,
            uri: match by {
                Some(by) => by.entry.to_string(),
                None => row.user.entity().to_owned(),
            },
            source: by.map(|by| by.source.to_string()),
        };
        let doing = match change {
            Change::Block => "blocking",
            Change::Unblock => "unblocking",
        };
        self.answer(now, &format!("{doing} {name} …"));
        Some(Wish::Edit(edit))
    }
}
