//! URIs in pairs: the three comparisons and the block-list index (RFC 3261 §19.1.4, RFC 3966 §4; URI-01…26).

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use rollmark_core::blocklist::{
    BlockList, BlockLists, Candidates, Entry, Mark, SourceState, Update,
};
use rollmark_core::uri::{Form, IdentityRules, Scheme, Uri, equal, identity, same_identity};

/// Target: any two texts, a line each.
///
/// Reading is total and keeps the text; `equal` is reflexive and symmetric; identities are symmetric, reflexive but for
/// anonymous ones, found again from their canonical form, and coarser than `equal`; the verdict of the block-list index
/// is that of comparing the pair; and no password comes out where it must not.
///
/// # Panics
/// When one of these does not hold.
pub fn uri_pair(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (a, b) = text.split_once('\n').unwrap_or((&text, &text));
    for text in [a, b] {
        alone(text);
    }
    let parsed = (Uri::parse(a), Uri::parse(b));
    for strict in [false, true] {
        for plus_user in [true, false] {
            let rules = IdentityRules { strict, plus_user };
            let same = same_identity(a, b, &rules);
            let turned = same_identity(b, a, &rules);
            assert_eq!(same.matches, turned.matches, "not symmetric: {a:?} {b:?}");
            assert_eq!(same.steps, turned.steps);
            if same.matches {
                assert_eq!(same.canonical[0], same.canonical[1]);
            }
            index_agrees(a, b, rules, same.matches);
            let equal_uris = matches!(&parsed, (Ok(x), Ok(y)) if equal(x, y));
            if equal_uris && !strict && !exempt(a, &rules) && !exempt(b, &rules) {
                assert!(
                    same.matches,
                    "equal, and not one identity: {a:?} {b:?} {:?}",
                    same.canonical
                );
            }
        }
    }
    if let (Ok(x), Ok(y)) = &parsed {
        assert_eq!(equal(x, y), equal(y, x), "not symmetric: {a:?} {b:?}");
        if x.as_str() == y.as_str() && names_something(x) {
            assert!(equal(x, y), "not reflexive: {a:?}");
        }
    }
}

/// Identities that match nothing or only their own octets, whatever the URI schemes call equal (URI-19, URI-22, URI-25),
/// and local numbers, whose context may be written in ways that only `equal` looks at.
fn exempt(text: &str, rules: &IdentityRules) -> bool {
    !matches!(
        identity(text, rules).form,
        Form::Address | Form::Phone | Form::Wildcard
    )
}

/// False for the one URI that is read and yet equal to nothing.
fn names_something(uri: &Uri) -> bool {
    uri.scheme() != Scheme::Tel || uri.number().is_some()
}

fn alone(text: &str) {
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        let parts = [uri.user(), uri.password(), uri.host(), uri.number()];
        for part in parts.into_iter().flatten() {
            assert!(text.contains(part));
        }
        let shown = match uri.password() {
            Some(password) => text.replacen(&format!(":{password}@"), "@", 1),
            None => text.to_string(),
        };
        assert_eq!(
            uri.to_string(),
            shown,
            "a password shows, or more is hidden"
        );
        assert_eq!(format!("{uri:?}"), format!("Uri({shown})"));
    }
    for strict in [false, true] {
        let rules = IdentityRules {
            strict,
            plus_user: !strict,
        };
        let id = identity(text, &rules);
        assert_eq!(
            id.matches(&id),
            id.form != Form::Anonymous,
            "not reflexive: {text:?}"
        );
        let again = identity(&id.canonical, &rules);
        assert_eq!(
            again.canonical, id.canonical,
            "the canonical form of {text:?} has another one"
        );
    }
}

/// One entry in one list: the index says what the pairwise comparison says.
fn index_agrees(entry: &str, user: &str, rules: IdentityRules, matches: bool) {
    let mut lists = BlockLists::new(rules);
    lists.set(
        "list",
        Update {
            state: SourceState::Fresh,
            list: Some(BlockList {
                entries: vec![Entry {
                    uri: Arc::from(entry),
                    list: None,
                    rule: None,
                }],
                complete: true,
                rules: None,
            }),
            etag: None,
        },
    );
    let mark = lists.mark(&Candidates {
        entity: user,
        ..Candidates::default()
    });
    let expected = match identity(user, &rules).form {
        Form::Anonymous => "anonymous",
        _ if matches => "blocked",
        _ => "clear",
    };
    assert_eq!(mark.as_str(), expected, "{entry:?} on {user:?}");
    if let Mark::Blocked(by) = mark
        && let Ok(uri) = Uri::parse(entry.trim())
        && uri.password().is_some()
    {
        assert_eq!(*by.entry, *uri.to_string(), "a password shows");
    }
    lists.set_own(&[entry]);
    let mark = lists.mark(&Candidates {
        entity: user,
        ..Candidates::default()
    });
    let own = matches && expected != "anonymous";
    assert_eq!(mark == Mark::Own, own, "{entry:?} as own, {user:?}");
}

const SCHEMES: [&str; 12] = [
    "sip:", "sip:", "sip:", "SIP:", "sips:", "tel:", "TEL:", "im:", "pres:", "", "mailto:", "urn:",
];
const USERS: [&str; 24] = [
    "a@",
    "A@",
    "%61@",
    "%41@",
    "a%40b@",
    "+1-2@",
    "+12@",
    "%2B12@",
    "12@",
    "+12;ext=3@",
    "+12;isub=%41@",
    "a:pass@",
    "a:@",
    ":@",
    "!a!@",
    "a;b@",
    "é@",
    "%C3%A9@",
    "anonymous@",
    "",
    "a%00@",
    "a%2b@",
    "*1#@",
    "a%3A@",
];
const HOSTS: [&str; 24] = [
    "h",
    "H",
    "h.",
    "h%2E",
    "%68",
    "x.invalid",
    "invalid.",
    "INVALID",
    "[::1]",
    "[0:0::1]",
    "[::FFFF:1.2.3.4]",
    "[::1",
    "1.2.3.4",
    "01.2.3.4",
    "bücher.de",
    "xn--bcher-kva.de",
    "BÜCHER.de",
    "ß.de",
    "+12",
    "+1-2",
    "(1)2",
    "",
    "h..x",
    "İ.de",
];
const TAILS: [&str; 32] = [
    "",
    "",
    "",
    ":5060",
    ":5061",
    ":05060",
    ":70000",
    ":",
    ";user=phone",
    ";USER=%70hone",
    ";gr",
    ";gr=u",
    ";GR=",
    ";ob",
    ";transport=tcp",
    ";transport=TCP",
    ";lr",
    ";maddr=h",
    ";method=INVITE",
    ";ttl=1",
    "?a=b&c=d",
    "?c=d&A=b",
    "?",
    ";",
    ";;x",
    ";phone-context=+1",
    ";phone-context=H",
    ";ext=1-2",
    ";isub=a",
    ";m-x=1",
    ";%78=1",
    "%zz",
];

/// Two URIs, often of one kind.
///
/// # Errors
/// Never in practice: choices that have run out count as zero.
pub(super) fn pair(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut parts = [0; 5];
    let mut text = String::new();
    for line in 0..2 {
        let bounds = [
            SCHEMES.len(),
            USERS.len(),
            HOSTS.len(),
            TAILS.len(),
            TAILS.len(),
        ];
        for (part, bound) in parts.iter_mut().zip(bounds) {
            // The second URI keeps most of the first.
            if line == 0 || u.ratio(2, 5)? {
                *part = u.choose_index(bound)?;
            }
        }
        text.push_str(SCHEMES[parts[0]]);
        text.push_str(USERS[parts[1]]);
        text.push_str(HOSTS[parts[2]]);
        text.push_str(TAILS[parts[3]]);
        text.push_str(TAILS[parts[4]]);
        if line == 0 {
            text.push('\n');
        }
    }
    Ok(text.into_bytes())
}
