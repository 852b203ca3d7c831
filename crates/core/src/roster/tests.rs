//! Re-marking by what changed comes to the same as re-marking everybody, and looks at those only whom it concerns.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::blocklist::{BlockList, Entry, SourceState, Update};
use crate::uri::IdentityRules;

/// Users of several writings, some of them of one identity.
const KEYS: [&str; 10] = [
    "sip:bob@Example.com",
    "sip:b%6fb@example.com",
    "sips:bob@example.com:5061",
    "tel:+1-555-0100",
    "sip:+15550100@ims.example.net;user=phone",
    "sip:eve@example.com",
    "sip:eve@example.org",
    "sip:anonymous@anonymous.invalid",
    "im:zoe@example.com",
    "no uri",
];

fn document(state: &str, version: usize, users: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@example.com' \
         state='{state}' version='{version}'><users state='{state}'>{users}</users></conference-info>"
    )
}

fn user(key: &str, aor: Option<&str>, status: &str) -> String {
    let aors = aor.map_or(String::new(), |aor| {
        format!("<associated-aors><entry><uri>{aor}</uri></entry></associated-aors>")
    });
    format!(
        "<user entity='{key}'>{aors}<endpoint entity='{key}'><status>{status}</status></endpoint></user>"
    )
}

fn update(entries: &[&str], complete: bool) -> Update {
    let entries = entries.iter().map(|uri| Entry {
        uri: Arc::from(*uri),
        list: None,
        rule: None,
    });
    Update {
        state: SourceState::Fresh,
        list: Some(BlockList {
            entries: entries.collect(),
            complete,
            rules: None,
        }),
        etag: None,
    }
}

fn apply(roster: &mut Roster, lists: &BlockLists, body: &str) {
    roster.apply(Duration::ZERO, body.as_bytes(), lists);
}

fn roster() -> Roster {
    let mut roster = Roster::new(Settings::default(), Some("sip:c@example.com"));
    roster.begin_subscription();
    roster
}

#[derive(Debug, Clone)]
enum Step {
    /// A list of one of two sources: which keys are on it, and whether that is all.
    Lists(bool, Vec<usize>, bool),
    Remove(bool),
    Own(usize),
    /// A user comes or changes: key, associated URI, status.
    Told(usize, Option<usize>, bool),
    Gone(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS.len();
    let step = prop_oneof![
        4 => (any::<bool>(), prop::collection::vec(key(), 0..4), prop::bool::weighted(0.9))
            .prop_map(|(source, keys, complete)| Step::Lists(source, keys, complete)),
        1 => any::<bool>().prop_map(Step::Remove),
        1 => key().prop_map(Step::Own),
        3 => (key(), prop::option::of(key()), any::<bool>())
            .prop_map(|(key, aor, present)| Step::Told(key, aor, present)),
        1 => key().prop_map(Step::Gone),
    ];
    prop::collection::vec(step, 1..24)
}

proptest! {
    #[test]
    fn remarking_by_what_changed_comes_to_the_same_as_remarking_everybody(
        steps in steps(),
        match_endpoints: bool,
    ) {
        let mut lists = BlockLists::new(IdentityRules::default());
        lists.match_endpoints(match_endpoints);
        let mut quick = roster();
        let mut slow = roster();
        let all: String = KEYS.iter().map(|key| user(key, None, "connected")).collect();
        for roster in [&mut quick, &mut slow] {
            apply(roster, &lists, &document("full", 1, &all));
        }
        for (at, step) in steps.iter().enumerate() {
            let name = |source: bool| if source { "one" } else { "two" };
            let mut told = None;
            let changed = match step {
                Step::Lists(source, keys, complete) => {
                    let entries: Vec<&str> = keys.iter().map(|&key| KEYS[key]).collect();
                    lists.set(name(*source), update(&entries, *complete))
                }
                Step::Remove(source) => lists.remove(name(*source)),
                Step::Own(key) => lists.set_own(&[KEYS[*key]]),
                Step::Told(key, aor, present) => {
                    let status = if *present { "connected" } else { "pending" };
                    told = Some(user(KEYS[*key], aor.map(|aor| KEYS[aor]), status));
                    Changed::Identities(Vec::new())
                }
                Step::Gone(key) => {
                    told = Some(format!("<user entity='{}' state='deleted'/>", KEYS[*key]));
                    Changed::Identities(Vec::new())
                }
            };
            for roster in [&mut quick, &mut slow] {
                let body = told.clone().unwrap_or_default();
                apply(roster, &lists, &document("partial", at + 2, &body));
            }
            let by_change = quick.remark(&lists, &changed);
            let by_all = slow.remark(&lists, &Changed::Everything);
            prop_assert_eq!(format!("{by_change:?}"), format!("{by_all:?}"), "step {}", at);
            prop_assert!(quick.rows().eq(slow.rows()));
        }
    }
}

#[test]
fn only_users_whom_a_change_concerns_are_looked_at() {
    let mut lists = BlockLists::new(IdentityRules::default());
    lists.set("list", update(&["sip:mallory@example.com"], true));
    let mut roster = roster();
    let users: String = (0..1_000)
        .map(|i| user(&format!("sip:guest{i}@example.com"), None, "connected"))
        .collect();
    let users = users + &user("sip:+15550100@x.example.com;user=phone", None, "connected");
    apply(&mut roster, &lists, &document("full", 1, &users));
    let news = update(&["sip:guest7@EXAMPLE.com", "tel:+1-555-0100"], true);
    let Changed::Identities(identities) = lists.set("list", news) else {
        panic!("the list was whole and is");
    };
    assert_eq!(identities.len(), 3);
    let concerned = roster.concerned(&identities);
    let keys: Vec<&str> = concerned.iter().map(User::entity).collect();
    assert_eq!(
        keys,
        [
            "sip:guest7@example.com",
            "sip:+15550100@x.example.com;user=phone"
        ]
    );
    let told = roster.remark(&lists, &Changed::Identities(identities));
    assert_eq!(told.len(), 4, "each is updated and blocked: {told:?}");
}
