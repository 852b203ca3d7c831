//! A list of users read against the rows of the oracle: who is meant, and what is held then (RFC 4575 §4.5, §4.6).

use super::oracle::{Oracle, Reading};
use super::rows::{Row, SPELLINGS, distinct, patched, whole};
use super::script::{Kind, Person};

impl Oracle {
    /// The rows that would be held after `people`, and the numbers given out by then.
    pub(super) fn read(
        &self,
        people: &[Person],
        under_full: bool,
        reading: Reading,
        codes: &mut Vec<&'static str>,
    ) -> (Vec<Row>, u64) {
        // Anonymous twins exist in full documents only; strictly, `users` alone can be full too.
        let twins = under_full && !self.strict;
        let people = distinct(people, twins, codes);
        let mut meant: Vec<Option<u64>> = Vec::new();
        for (at, person) in people.iter().enumerate() {
            let before = people[..at]
                .iter()
                .filter(|other| other.key == person.key)
                .count();
            let mut rows = self.rows.iter().filter(|row| Some(row.key) == person.key);
            let exact = rows.nth(before).map(|row| row.number);
            let full = person.kind.under(under_full) == Kind::Full;
            meant.push(exact.or_else(|| {
                let other = self.other_spelling(&people, person, &meant);
                other
                    .filter(|_| !full && !self.strict)
                    .inspect(|_| codes.push("key-spelling"))
            }));
        }
        let mut rows = self.rows.clone();
        let mut numbers = self.numbers;
        if reading == Reading::Replacement {
            rows.retain(|row| meant.contains(&Some(row.number)));
        }
        for (person, number) in people.iter().zip(meant) {
            let at = rows.iter().position(|row| Some(row.number) == number);
            let kind = person.kind.under(under_full);
            let (Some(key), false) = (person.key, kind == Kind::Deleted) else {
                if let Some(at) = at {
                    rows.remove(at);
                }
                continue;
            };
            match at {
                Some(at) if kind == Kind::Full => {
                    let new = whole(person, key, rows[at].number);
                    if !new.same(&rows[at]) {
                        rows[at] = new;
                    }
                }
                Some(at) => {
                    let new = patched(rows[at].clone(), person);
                    if !new.same(&rows[at]) {
                        rows[at] = new;
                    }
                }
                None => {
                    numbers += 1;
                    let empty = Row {
                        number: numbers,
                        key,
                        text: None,
                        role: None,
                        devices: Vec::new(),
                    };
                    rows.push(match kind {
                        Kind::Full => whole(person, key, numbers),
                        _ => patched(empty, person),
                    });
                }
            }
        }
        (rows, numbers)
    }

    /// The one row whose key is another spelling of the person's, unless the document means it already.
    fn other_spelling(
        &self,
        people: &[Person],
        person: &Person,
        meant: &[Option<u64>],
    ) -> Option<u64> {
        let key = person.key.filter(|key| SPELLINGS.contains(key))?;
        let [one, two] = SPELLINGS;
        let other = if key == one { two } else { one };
        let row = self.rows.iter().find(|row| row.key == other)?;
        let named = people.iter().any(|person| person.key == Some(other));
        (!named && !meant.contains(&Some(row.number))).then_some(row.number)
    }
}
