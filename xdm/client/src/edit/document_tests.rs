//! Changes of resource-lists documents: what is written, and what is refused (XDM-29, XDM-30, XDM-39).

use super::*;
use crate::resource_lists::parse;
use proptest::prelude::*;

const ME: Option<&str> = Some("sip:me@x");

fn document(lists: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<resource-lists xmlns='{NAMESPACE}' xmlns:o='urn:o'>{lists}</resource-lists>\n"
    )
}

fn done(text: &str, change: Change, entry: &str) -> (Option<Plan>, Edited) {
    match plan(text.as_bytes(), change, entry, ME) {
        Ok(done) => done,
        Err(NoPlan::Refused(error)) => panic!("{error}"),
        Err(NoPlan::Unreadable(error)) => panic!("{error}"),
    }
}

fn refused(text: &str, change: Change, entry: &str) -> EditError {
    match plan(text.as_bytes(), change, entry, ME) {
        Err(NoPlan::Refused(error)) => error,
        _ => panic!("not refused: {text}"),
    }
}

/// The node named and what is put there.
fn node(plan: &Plan) -> String {
    match &plan.node {
        Some(NodeChange::Put(node, body)) => format!("PUT {node} {body}"),
        Some(NodeChange::Delete(node)) => format!("DELETE {node}"),
        None => "whole".into(),
    }
}

const HOME: &str = "resource-lists/list[@name=\"oma_blockedcontacts\"]";

#[test]
fn an_entry_is_added_like_its_siblings_and_all_else_stays() {
    let put = format!(
        "PUT {HOME}/entry[@uri=\"sip:a@x\"] <entry xmlns=\"{NAMESPACE}\" uri=\"sip:a@x\"/>"
    );
    let list = |inner: &str| {
        document(&format!(
            "<!-- mine --><list name='oma_blockedcontacts'>{inner}</list><o:x/>"
        ))
    };
    for (before, after) in [
        ("", "<entry uri=\"sip:a@x\"/>"),
        (
            "\n <entry uri='sip:b@x'/>\n",
            "\n <entry uri='sip:b@x'/>\n <entry uri=\"sip:a@x\"/>\n",
        ),
        (
            "<display-name>Blocked</display-name>\n<o:more/>",
            "<display-name>Blocked</display-name><entry uri=\"sip:a@x\"/>\n<o:more/>",
        ),
        (
            "\n\t<external anchor='http://y/'/><entry uri='sip:b@x'><display-name>B</display-name></entry>",
            "\n\t<external anchor='http://y/'/><entry uri='sip:b@x'><display-name>B</display-name></entry><entry uri=\"sip:a@x\"/>",
        ),
    ] {
        let (plan, edited) = done(&list(before), Change::Block, "sip:a@x");
        let plan = plan.unwrap();
        assert_eq!(plan.text, list(after));
        assert_eq!(node(&plan), put);
        assert_eq!(edited.list.as_deref(), Some("oma_blockedcontacts"));
    }
}

#[test]
fn a_document_with_prefixes_or_an_empty_tag_stays_one() {
    for (before, after) in [
        (
            "<r:resource-lists xmlns:r='urn:ietf:params:xml:ns:resource-lists'><r:list name='oma_blockedcontacts' /></r:resource-lists>",
            "<r:resource-lists xmlns:r='urn:ietf:params:xml:ns:resource-lists'><r:list name='oma_blockedcontacts'><r:entry uri=\"sip:a&amp;b@x\"/></r:list></r:resource-lists>",
        ),
        (
            "\u{feff}<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'/>",
            "\u{feff}<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name=\"oma_blockedcontacts\"><entry uri=\"sip:a&amp;b@x\"/></list></resource-lists>",
        ),
    ] {
        let (plan, _) = done(before, Change::Block, "sip:a&b@x");
        assert_eq!(plan.unwrap().text, after);
    }
}

/// XDM-39: where only the lists of RCS are, a new OMA list would take them out of force.
#[test]
fn the_list_that_is_in_force_is_written_to() {
    let (plan, edited) = done(&document("<list name='rcs'/>"), Change::Block, "sip:a@x");
    let body = format!(
        "<list xmlns=\"{NAMESPACE}\" name=\"oma_blockedcontacts\"><entry uri=\"sip:a@x\"/></list>"
    );
    assert_eq!(node(&plan.unwrap()), format!("PUT {HOME} {body}"));
    assert_eq!(edited.list, None);

    let rcs = document(
        "<list name='rcs_blockedcontacts'/><list name='rcs_revokedcontacts'><entry uri='sip:r@x'/></list>",
    );
    let (plan, edited) = done(&rcs, Change::Block, "sip:a@x");
    assert!(
        plan.unwrap()
            .text
            .contains("<list name='rcs_blockedcontacts'><entry uri=\"sip:a@x\"/></list>")
    );
    assert_eq!(edited.list.as_deref(), Some("rcs_blockedcontacts"));
    let (plan, _) = done(&rcs, Change::Unblock, "sip:r@x");
    assert!(
        plan.unwrap()
            .text
            .contains("<list name='rcs_revokedcontacts'></list>")
    );
}

/// URI-18, URI-25: entries are compared by identity, and go by the text that is there.
#[test]
fn who_is_there_already_is_found_by_identity_not_by_spelling() {
    let text = document(
        "<list name='oma_blockedcontacts'>\n <entry uri='SIP:a@X;transport=tcp'/>\n <list><entry uri=' ::::'/></list></list>",
    );
    let (plan, edited) = done(&text, Change::Block, "sip:a@x");
    assert!(plan.is_none());
    assert_eq!(
        (edited.entry.as_str(), edited.changed),
        ("SIP:a@X;transport=tcp", false)
    );
    let (plan, edited) = done(&text, Change::Unblock, "sip:a@x");
    let plan = plan.unwrap();
    assert_eq!(
        node(&plan),
        format!("DELETE {HOME}/entry[@uri=\"SIP:a@X;transport=tcp\"]")
    );
    assert_eq!(
        plan.text,
        document("<list name='oma_blockedcontacts'>\n <list><entry uri=' ::::'/></list></list>")
    );
    assert_eq!(
        (edited.entry.as_str(), edited.changed),
        ("SIP:a@X;transport=tcp", true)
    );
    let (plan, _) = done(&text, Change::Unblock, "::::");
    assert_eq!(
        node(&plan.unwrap()),
        format!("DELETE {HOME}/list/entry[@uri=\" ::::\"]")
    );
    let (plan, edited) = done(&text, Change::Unblock, "sip:b@x");
    assert!(plan.is_none() && !edited.changed);
}

#[test]
fn what_one_node_cannot_name_is_changed_with_the_whole_document() {
    let twice = document(
        "<list name='oma_blockedcontacts'><entry uri='sip:a@x'/><entry uri='sip:a@x'/><entry uri='sip:b@x'/></list>",
    );
    let (plan, _) = done(&twice, Change::Unblock, "sip:a@x");
    let plan = plan.unwrap();
    assert_eq!(node(&plan), "whole");
    assert_eq!(
        plan.text,
        document("<list name='oma_blockedcontacts'><entry uri='sip:b@x'/></list>")
    );
    let lists = document("<list name='oma_blockedcontacts'/><list name='oma_blockedcontacts'/>");
    let (plan, _) = done(&lists, Change::Block, "sip:a@x");
    assert_eq!(node(&plan.unwrap()), "whole");
}

#[test]
fn nothing_is_written_where_the_list_refers_elsewhere() {
    let there = "http://y/resource-lists/users/sip:other@x/index/~~/resource-lists/list[1]";
    let here = "http://y/resource-lists/users/sip:me@x/index/~~/resource-lists/list[2]";
    let with = |anchor: &str, more: &str| {
        document(&format!(
            "<list name='oma_blockedcontacts'><external anchor='{anchor}'/>{more}</list><list name='rcs_blockedcontacts'><entry uri='sip:a@x'/></list>"
        ))
    };
    for anchor in [there, here] {
        let error = refused(&with(anchor, ""), Change::Block, "sip:new@x");
        assert!(
            matches!(&error, EditError::OnlyRefersElsewhere { places, .. } if *places == [anchor]),
            "{error}"
        );
        assert!(error.to_string().contains(anchor), "{error}");
    }
    let (plan, edited) = done(&with(here, ""), Change::Block, "sip:a@x");
    assert!(
        plan.is_none() && !edited.changed,
        "blocked already, by reference"
    );
    let error = refused(&with(here, ""), Change::Unblock, "sip:a@x");
    assert!(
        matches!(&error, EditError::ByReference { place, .. } if place == here),
        "{error}"
    );
    let error = refused(
        &with(there, "<entry uri='sip:b@x'/>"),
        Change::Unblock,
        "sip:a@x",
    );
    assert!(
        matches!(&error, EditError::PerhapsElsewhere { places, .. } if *places == [there]),
        "{error}"
    );
    let (plan, _) = done(
        &with(there, "<entry uri='sip:b@x'/>"),
        Change::Unblock,
        "sip:b@x",
    );
    assert!(plan.is_some());
    let both = with(here, "<entry uri='sip:a@x'/>");
    assert!(matches!(
        refused(&both, Change::Unblock, "sip:a@x"),
        EditError::ByReference { .. }
    ));
}

#[test]
fn a_document_does_not_grow_beyond_what_can_be_read() {
    let entries =
        "<entry uri='sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x'/>".repeat(MAX_DOCUMENT / 64);
    let mut text = document(&format!(
        "<list name='oma_blockedcontacts'>{entries}</list>"
    ));
    while text.len() < MAX_DOCUMENT {
        text.push(' ');
    }
    text.truncate(MAX_DOCUMENT);
    assert!(parse(text.as_bytes(), ME).is_ok(), "{}", text.len());
    assert!(matches!(
        refused(&text, Change::Block, "sip:b@x"),
        EditError::TooLarge
    ));
}

proptest! {
    /// A change does what it says to the list that is read, and nothing else.
    #[test]
    fn what_is_read_afterwards_is_what_was_meant(
        users in proptest::collection::vec(0..9u8, 0..8),
        nested in proptest::collection::vec(0..9u8, 0..4),
        user in 0..9u8,
        block in any::<bool>(),
        blank in "[ \n]{0,3}",
    ) {
        let entries = |users: &[u8]| -> String {
            users.iter().map(|user| format!("{blank}<entry uri=\"sip:{user}@x\"/>")).collect()
        };
        let before = document(&format!(
            "<list name='oma_blockedcontacts'>{}<list>{}{blank}</list></list><list name='rcs'>{}</list>",
            entries(&users), entries(&nested), entries(&[1, 2]),
        ));
        let uris = |text: &str| -> Vec<String> {
            let list = parse(text.as_bytes(), ME).expect("a document");
            let mut uris: Vec<_> = list.entries.iter().map(|entry| entry.uri.to_string()).collect();
            uris.sort();
            uris
        };
        let entry = format!("sip:{user}@x");
        let change = if block { Change::Block } else { Change::Unblock };
        let (plan, edited) = done(&before, change, &entry);
        let mut expected = uris(&before);
        if block && !expected.contains(&entry) {
            expected.push(entry.clone());
            expected.sort();
        } else if !block {
            expected.retain(|uri| *uri != entry);
        }
        prop_assert_eq!(edited.changed, plan.is_some());
        let after = plan.map_or(before, |plan| plan.text);
        prop_assert_eq!(uris(&after), expected);
        prop_assert!(after.contains("<list name='rcs'>"));
        prop_assert_eq!(after.matches("sip:1@x").count() >= 1, true);
    }
}
