//! Block verdicts at scale (P6), against a comparison of every pair.

use std::hint::black_box;
use std::sync::Arc;

use rollmark_core::blocklist::{BlockList, BlockLists, Candidates, Entry, SourceState, Update};
use rollmark_core::uri::{self, IdentityRules, Uri};

use super::{documents, timing};

/// What was found.
pub(super) struct Verdicts {
    /// Pairwise comparison ÷ ours, per user.
    pub(super) gain: f64,
    /// Ours with ten times the entries ÷ ours.
    pub(super) growth: f64,
}

/// Users that are on the list, spelled otherwise.
const HITS: usize = 200;
/// Users compared with every entry for the time.
const SAMPLE: usize = 100;

/// A list of `length` entries on which [`HITS`] of `users` are.
fn entries(users: usize, length: usize) -> Vec<String> {
    let hits = (0..HITS).map(|hit| {
        let uri = documents::uri(hit * (users / HITS));
        match hit % 4 {
            0 => uri.replace("example", "EXAMPLE"),
            1 => uri.replace("user0", "user%30"),
            2 => uri.replace("sip:", "SIP:"),
            _ => uri,
        }
    });
    let others = (HITS..length).map(|other| match other % 3 {
        0 => format!("tel:+4420{other:08}"),
        _ => format!("sip:spam{other}@ims.example.net"),
    });
    hits.chain(others).collect()
}

fn lists(entries: &[String]) -> BlockLists {
    let mut lists = BlockLists::new(IdentityRules::default());
    let entries = entries.iter().map(|uri| Entry {
        uri: Arc::from(uri.as_str()),
        list: None,
        rule: None,
    });
    lists.set(
        "list",
        Update {
            state: SourceState::Fresh,
            list: Some(BlockList {
                entries: entries.collect(),
                complete: true,
                rules: None,
            }),
            etag: None,
        },
    );
    lists
}

fn blocked(lists: &BlockLists, user: &str) -> bool {
    let candidates = Candidates {
        entity: user,
        ..Candidates::default()
    };
    lists.mark(&candidates).blocked_by().is_some()
}

/// How many users get another verdict than by comparing every pair, and how many are blocked.
pub(super) fn differences(users: usize, length: usize) -> (usize, usize) {
    let entries = entries(users, length);
    let lists = lists(&entries);
    let rules = IdentityRules::default();
    let identities: Vec<_> = entries.iter().map(|e| uri::identity(e, &rules)).collect();
    let (mut wrong, mut hits) = (0, 0);
    for user in 0..users {
        let user = documents::uri(user);
        let identity = uri::identity(&user, &rules);
        let expected = identities.iter().any(|entry| entry.matches(&identity));
        wrong += usize::from(blocked(&lists, &user) != expected);
        hits += usize::from(expected);
    }
    (wrong, hits)
}

/// Times the verdicts on `users` with `length` entries.
pub(super) fn verdicts(users: usize, length: usize) -> Verdicts {
    let keys: Vec<String> = (0..users).map(documents::uri).collect();
    let short = entries(users, length);
    let long = entries(users, length * 10);
    let parse = |texts: &[String]| -> Vec<Uri> {
        let uris = texts.iter().map(|text| Uri::parse(text));
        uris.filter_map(Result::ok).collect()
    };
    let (entries, sample) = (parse(&short), parse(&keys[..SAMPLE]));
    let (pairwise, _) = timing::once(|| {
        let pairs = sample.iter().map(|user| {
            let equal = entries.iter().filter(|entry| uri::equal(user, entry));
            equal.count()
        });
        black_box(pairs.sum::<usize>())
    });
    let (short, long) = (lists(&short), lists(&long));
    let verdicts = |lists: &BlockLists| keys.iter().filter(|user| blocked(lists, user)).count();
    let (ratios, ours) = timing::ratios(&mut [&mut || verdicts(&short), &mut || verdicts(&long)]);
    Verdicts {
        gain: (pairwise / SAMPLE as f64) / (ours / users as f64),
        growth: ratios[1],
    }
}
