//! Rules: the reader on any octets, and what must hold of verdicts whatever the rules (RFC 4745, XDM-52, XDM-56…71).

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use rollmark_core::blocklist::rules::{
    Members, Outcome, Requester, RuleSet, RuleSettings, Rules, Verdict,
};
use rollmark_core::uri::IdentityRules;
use rollmark_core::wall_time::WallTime;

/// Users, and whom rules name.
const URIS: [&str; 8] = [
    "sip:a@x.example",
    "sips:b@X.example:5061",
    "tel:+1555",
    "sip:+1-555@y.example;user=phone",
    "sip:c@b\u{fc}cher.example",
    "im:a@x.example",
    "no uri",
    "sip:anonymous@anonymous.invalid",
];
const DOMAINS: [&str; 5] = [
    "x.example",
    "X%2Eexample",
    "xn--bcher-kva.example",
    "y.example",
    "",
];
/// Minutes after 1970 at which validities begin and end.
const MINUTES: i64 = 6;

/// Target: a policy out of choices, and the choices themselves as a document.
///
/// Reading is total. A policy written by the rules of RFC 4745 is read whole. Its verdicts do not depend on the order of
/// rules, hold until the next boundary, and once sure stay what they are whatever open lists turn out to hold; without
/// them they are never unknown.
///
/// # Panics
/// When one of these does not hold.
pub fn rules(input: &[u8]) {
    if let Ok(set) = rollmark_xdm::rules::parse(input) {
        for uri in URIS {
            let _ = ask(&set, &[uri], Some(0)).why();
        }
    }
    let mut u = Unstructured::new(input);
    let _ = policy(&mut u);
}

fn policy(u: &mut Unstructured<'_>) -> Result<()> {
    let text = document(u)?;
    let set = rollmark_xdm::rules::parse(text.as_bytes())
        .unwrap_or_else(|error| panic!("not read: {error}\n{text}"));
    let mut users = vec![u.choose_iter(URIS)?];
    if u.arbitrary()? {
        users.push(u.choose_iter(URIS)?);
    }
    let now = u.int_in_range(0..=MINUTES)? * 60_000;
    let open = ask(&set, &users, Some(now));
    assert!(!open.why().is_empty());
    assert_eq!(
        open.deciding.is_none(),
        matches!(open.outcome, Outcome::NoRule | Outcome::Unknown),
        "{open:?}\n{text}"
    );

    let mut turned = set.clone();
    turned.rules.reverse();
    let found = ask(&turned, &users, Some(now)).outcome;
    assert_eq!(found, open.outcome, "the order counts:\n{text}");

    let timeless = ask(&set, &users, None).outcome;
    if timeless != Outcome::Unknown {
        assert_eq!(timeless, open.outcome, "sure without the time:\n{text}");
    }

    let mut known = set;
    for list in known.external_lists_mut() {
        let mut uris: Vec<Arc<str>> = Vec::new();
        while u.arbitrary()? {
            uris.push(u.choose_iter(URIS)?.into());
        }
        list.members = Some(Members {
            uris,
            complete: true,
        });
    }
    let sure = ask(&known, &users, Some(now));
    assert_ne!(sure.outcome, Outcome::Unknown, "{text}");
    if open.outcome != Outcome::Unknown {
        assert_eq!(sure.outcome, open.outcome, "not sure after all:\n{text}");
    }

    let ready = ready(&known);
    let at = WallTime::from_unix_millis(now);
    let until = ready
        .next_boundary(at)
        .map_or(i64::MAX, WallTime::unix_millis);
    assert!(until > now);
    assert_eq!(ask(&known, &users, Some(until - 1)), sure, "{text}");
    Ok(())
}

fn ready(set: &RuleSet) -> Rules {
    Rules::new(set, &RuleSettings::default(), &IdentityRules::default())
}

fn ask(set: &RuleSet, uris: &[&str], now: Option<i64>) -> Verdict {
    let user = Requester::new(uris.iter().copied(), &IdentityRules::default());
    ready(set).evaluate(&user, now.map(WallTime::from_unix_millis))
}

/// A policy with up to six rules.
fn document(u: &mut Unstructured<'_>) -> Result<String> {
    let mut text = format!(
        "<ruleset xmlns='{}' xmlns:o='{}' xmlns:e='{}' xmlns:p='{}' xmlns:i='{}'>",
        rollmark_xdm::rules::NAMESPACE,
        rollmark_xdm::rules::OMA_COMMON_POLICY,
        rollmark_xdm::rules::OMA_EXTENSIONS,
        rollmark_xdm::rules::PRES_RULES,
        rollmark_xdm::rules::POC_RULES,
    );
    for id in 0..u.int_in_range(0..=6)? {
        text.push_str(&format!("<rule id='r{id}'><conditions>"));
        for _ in 0..u.int_in_range(0..=2)? {
            condition(u, &mut text)?;
        }
        text.push_str("</conditions><actions>");
        text.push_str(u.choose(&[
            "",
            "<p:sub-handling>block</p:sub-handling>",
            "<p:sub-handling>block</p:sub-handling>",
            "<p:sub-handling>confirm</p:sub-handling>",
            "<p:sub-handling>polite-block</p:sub-handling>",
            "<p:sub-handling>allow</p:sub-handling>",
            "<i:allow-invite>reject</i:allow-invite>",
            "<i:allow-invite>pass</i:allow-invite>",
            "<e:allow-reject-invite>true</e:allow-reject-invite>",
            "<e:allow-reject-invite>false</e:allow-reject-invite>",
            "<e:other/>",
        ])?);
        text.push_str("</actions></rule>");
    }
    text.push_str("</ruleset>");
    Ok(text)
}

fn condition(u: &mut Unstructured<'_>, text: &mut String) -> Result<()> {
    match u.int_in_range(0..=9)? {
        0..=3 => {
            text.push_str("<identity>");
            for _ in 0..u.int_in_range(0..=3)? {
                let (uri, domain) = (u.choose_iter(URIS)?, u.choose_iter(DOMAINS)?);
                text.push_str(&match u.int_in_range(0..=4)? {
                    0 | 1 => format!("<one id='{uri}'/>"),
                    2 => format!("<many><except id='{uri}'/><except domain='{domain}'/></many>"),
                    3 => format!("<many domain='{domain}'><except id='{uri}'/></many>"),
                    _ => "<many/>".to_owned(),
                });
            }
            text.push_str("</identity>");
        }
        4 | 5 => text.push_str("<o:external-list><o:entry anc='a'/></o:external-list>"),
        6 => {
            let mut minute = || u.int_in_range(0..=MINUTES - 1);
            let (from, until) = (minute()?, minute()?);
            text.push_str(&format!(
                "<validity><from>1970-01-01T00:0{from}:00Z</from><until>1970-01-01T00:0{until}:00Z</until></validity>"
            ));
        }
        7 => text.push_str("<o:other-identity/>"),
        8 => text.push_str("<o:anonymous-request/>"),
        _ => text.push_str("<e:service enabler='IM'/>"),
    }
    Ok(())
}
