//! The root of a document: namespaces, entity, what is not a document at all (RFC 4575 §4.1–4.3, §5.2).

use crate::command::{RESUBSCRIBE, brief, check, delta, full, json, root, users};

/// A full document of one user with another root.
fn rooted(start: &str) -> String {
    let name = start.split([' ', '>']).next().unwrap_or(start);
    format!(
        "<{start}><users><user entity='sip:a@x'/></users></{name}>",
        start = start
    )
}

const NS: &str = "xmlns='urn:ietf:params:xml:ns:conference-info'";

#[test]
fn roots_are_told_apart_by_namespace_and_name() {
    let attributes = "entity='sip:c@x' state='full' version='1'";
    check(&[
        (
            "any prefix",
            vec![format!(
                "<q:conference-info xmlns:q='urn:ietf:params:xml:ns:conference-info' {attributes}>\
                     <q:users><q:user entity='sip:a@x'/></q:users></q:conference-info>"
            )],
            "a | current v1 |",
            "a | current v1 |",
        ),
        (
            "no namespace",
            vec![rooted(&format!("conference-info {attributes}"))],
            "| none ! | no-namespace",
            "a | current v1 | no-namespace",
        ),
        (
            "no namespace, but children that have one",
            vec![format!(
                "<conference-info {attributes}><users {NS}><user entity='sip:a@x'/></users></conference-info>"
            )],
            "| none ! | no-namespace",
            "a | current v1 | no-namespace",
        ),
        (
            "another namespace",
            vec![rooted(&format!(
                "conference-info xmlns='urn:x' {attributes}"
            ))],
            "| none ! | not-conference-info",
            "| none ! | not-conference-info",
        ),
        (
            "another name",
            vec![rooted(&format!("presence {NS} {attributes}"))],
            "| none ! | not-conference-info",
            "| none ! | not-conference-info",
        ),
        (
            "foreign elements and attributes are never ours",
            vec![format!(
                "<conference-info {NS} xmlns:f='urn:f' f:version='9' {attributes}><f:users><f:user entity='sip:evil@x'/></f:users>\
                 <users f:state='deleted'><f:user entity='sip:evil@x'/><user f:entity='sip:evil@x' entity='sip:a@x'/></users></conference-info>"
            )],
            "a | current v1 |",
            "a | current v1 |",
        ),
        (
            "unknown names of ours, and a single element twice",
            vec![root(
                "state='full' version='1'",
                "<new-thing/><users><user entity='sip:a@x'><display-text>1</display-text><display-text>2</display-text></user></users>\
                 <users><user entity='sip:evil@x'/></users>",
            )],
            "a | current v1 |",
            "a | current v1 |",
        ),
        (
            "no entity",
            vec![rooted(&format!(
                "conference-info {NS} state='full' version='1'"
            ))],
            "| none ! | missing-entity",
            "a | current v1 | missing-entity",
        ),
        (
            "an entity without scheme",
            vec![rooted(&format!(
                "conference-info {NS} entity='c@x' state='full' version='1'"
            ))],
            "a | current v1 | entity-without-scheme",
            "a | current v1 | entity-without-scheme",
        ),
        (
            "another conference than before",
            vec![
                full(1, &users("a")),
                delta(2, "").replace("sip:c@x", "sip:other@x"),
            ],
            "a | current v2 | entity-mismatch",
            "a | current v2 | entity-mismatch",
        ),
        (
            "the same conference in another spelling",
            vec![
                full(1, &users("a")),
                delta(2, "").replace("sip:c@x", "SIP:%63@X;gr=1"),
            ],
            "a | current v2 |",
            "a | current v2 |",
        ),
        (
            "an empty body is no document",
            vec![full(1, &users("a")), String::new(), delta(2, &users("b"))],
            "a b | current v2 |",
            "a b | current v2 |",
        ),
        (
            "unknown state of the root",
            vec![full(1, &users("a")).replace("'full'", "'whole'")],
            "a | current v1 | unknown-value",
            "a | current v1 | unknown-value",
        ),
        (
            "white space around version and state",
            vec![
                full(1, &users("a")),
                delta(2, &users("b"))
                    .replace("'2'", "'\n2 '")
                    .replace("'partial'", "' partial\t'"),
            ],
            "a b | current v2 |",
            "a b | current v2 |",
        ),
    ]);
}

#[test]
fn the_conference_is_the_one_asked_for_else_that_of_the_first_applied_document() {
    let other = full(1, &users("a")).replace("sip:c@x", "sip:d@x");
    for (options, documents, conference, codes) in [
        (
            &[][..],
            vec![full(1, "")],
            Some("sip:c@x"),
            "| current v1 |",
        ),
        (
            &["--conference", "sip:c@X"],
            vec![full(1, "")],
            Some("sip:c@X"),
            "| current v1 |",
        ),
        (
            &["--conference", "c@x"],
            vec![full(1, "")],
            Some("c@x"),
            "| current v1 |",
        ),
        (
            &["--conference", "sips:c@x"],
            vec![full(1, "")],
            Some("sips:c@x"),
            "| current v1 | entity-mismatch",
        ),
        (
            &[],
            vec![delta(1, "").replace("sip:c@x", "sip:e@x"), other.clone()],
            Some("sip:d@x"),
            "a | current v1 | partial-first",
        ),
        (
            &[],
            vec![other, RESUBSCRIBE.to_owned(), full(1, "")],
            Some("sip:d@x"),
            "| current v1 | entity-mismatch",
        ),
        (
            &[],
            vec![String::from("?")],
            None,
            "| none ! | malformed-body",
        ),
    ] {
        let outcome = json(options, &documents);
        assert_eq!(outcome["conference"].as_str(), conference, "{outcome:#}");
        assert_eq!(brief(&outcome), codes, "{options:?}");
    }
}

#[test]
fn a_refused_document_changes_nothing_and_full_state_mends_it() {
    let broken = String::from("<conference-info");
    check(&[
        (
            "refused after a roster",
            vec![full(1, &users("a")), broken.clone()],
            "a | uncertain v1 ! | malformed-body",
            "a | uncertain v1 ! | malformed-body",
        ),
        (
            "what follows by number is applied meanwhile",
            vec![full(1, &users("a")), broken.clone(), delta(2, &users("b"))],
            "a b | uncertain v2 ! | malformed-body",
            "a b | uncertain v2 ! | malformed-body",
        ),
        (
            "uncertain does not replace stale",
            vec![full(1, &users("a")), delta(3, ""), broken.clone()],
            "a | stale v1 ! | version-gap malformed-body",
            "a | stale v1 ! | version-gap malformed-body",
        ),
        (
            "full state mends it",
            vec![full(1, &users("a")), broken, full(3, &users("b"))],
            "b | current v3 | malformed-body",
            "b | current v3 | malformed-body",
        ),
    ]);
}
