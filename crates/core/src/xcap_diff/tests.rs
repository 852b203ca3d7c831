//! xcap-diff documents and lists: what they say, and what they cannot do (RFC 5874 §3, RFC 5875 §4.4).

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::xml::{Fault, Limits};

const LISTS: &str = "resource-lists/users/sip:alice@example.org/index";

fn diff(content: &str) -> Result<Diff, DiffError> {
    let text = format!(
        "<?xml version='1.0'?><d:xcap-diff xmlns:d='urn:ietf:params:xml:ns:xcap-diff' \
         xmlns:x='urn:x' xcap-root='https://xcap.example.org/root/'>{content}</d:xcap-diff>"
    );
    Diff::read(text.as_bytes())
}

#[track_caller]
fn fate(attributes: &str, content: &str) -> Fate {
    let text = format!("<d:document sel='{LISTS}' {attributes}>{content}</d:document>");
    let mut told = diff(&text).expect("it is read").changes;
    assert_eq!(told.len(), 1);
    let change = told.remove(0);
    assert_eq!(&*change.document, LISTS);
    change.fate
}

fn changed(etag: &str) -> Fate {
    let etag = Some(etag.into());
    Fate::Changed { etag }
}

/// XDM-75 (RFC 5874 §3, figure 1): the table of five, and what it leaves open, which is fetched.
#[test]
fn entity_tags_say_what_is_to_be_done() {
    let both = "previous-etag='a' new-etag='b'";
    let patch = "<d:add sel='resource-lists/list'><entry xmlns='u' uri='sip:b@x'/></d:add>";
    let same = "<d:body-not-changed/>";
    assert_eq!(fate("new-etag='b'", ""), changed("b"));
    assert_eq!(fate(both, ""), changed("b"));
    assert_eq!(fate(both, patch), changed("b"));
    let (previous, etag) = ("a".into(), "b".into());
    assert_eq!(fate(both, same), Fate::Retagged { previous, etag });
    let previous = "a".into();
    assert_eq!(fate("previous-etag='a'", ""), Fate::Removed { previous });

    let nothing = Fate::Changed { etag: None };
    assert_eq!(fate("", ""), nothing);
    assert_eq!(fate("previous-etag='a'", patch), nothing);
    assert_eq!(fate("previous-etag='a'", same), nothing);
    assert_eq!(fate("new-etag='b'", same), changed("b"));
    let contradiction = format!("{same}{patch}");
    assert_eq!(fate(both, &contradiction), changed("b"));
    // Attributes and elements of others are none of ours, and an empty entity tag is one.
    assert_eq!(fate("x:previous-etag='a' new-etag=''", ""), changed(""));
    let foreign = "<x:body-not-changed/><body-not-changed/>";
    assert_eq!(fate(both, foreign), changed("b"));
}

/// XDM-76: below the root whatever its slashes, in the order told; other content is passed over.
#[test]
fn documents_are_below_the_root_and_other_content_is_ignored() {
    let told = diff(
        "text <d:element sel='a/~~/b'><d:document sel='no' new-etag='1'/></d:element>\
         <d:document sel=' a/users/sip:x%40h/index&#32;' new-etag='2' x:a='1'><x:y/>text</d:document>\
         <d:attribute sel='a/~~/b/@c'>v</d:attribute><document sel='no'/><x:document sel='no'/>\
         <d:document sel='/b' new-etag='3'/><!-- c --><x:z><d:document sel='no'/></x:z>",
    )
    .unwrap();
    let urls: Vec<String> = told.changes.iter().map(|change| told.url(change)).collect();
    assert_eq!(
        urls,
        [
            "https://xcap.example.org/root/a/users/sip:x%40h/index",
            "https://xcap.example.org/root/b"
        ]
    );
    let two_roots = [told.root, "http://other.example.org".into()];
    let urls = two_roots.map(|root| {
        let (document, fate) = ("a/b".into(), changed("1"));
        let change = Change { document, fate };
        let changes = vec![change.clone()];
        Diff { root, changes }.url(&change)
    });
    assert_eq!(
        urls,
        [
            "https://xcap.example.org/root/a/b",
            "http://other.example.org/a/b"
        ]
    );
}

/// XDM-76: a document is known again however it is escaped, and a slash that is escaped in a name is no slash.
#[test]
fn a_document_is_known_by_any_spelling() {
    for (told, held, is_it) in [
        (LISTS, LISTS, true),
        (
            "resource-lists/users/sip%3Aalice%40example.org/index",
            LISTS,
            true,
        ),
        (
            "/resource-lists/users/sip:alice@example.org/index",
            LISTS,
            true,
        ),
        (
            "resource-lists/users/sip%3aalice@example.org/inde%78",
            LISTS,
            true,
        ),
        (
            "resource-lists/users/sip:Alice@example.org/index",
            LISTS,
            false,
        ),
        (
            "resource-lists/users/sip:alice@example.org/index/",
            LISTS,
            false,
        ),
        ("resource-lists/users/sip:alice@example.org", LISTS, false),
        ("a%2Fb", "a/b", false),
        ("a%2Fb", "a%2fb", true),
        ("a%", "a%", true),
        ("a%zz", "a%ZZ", false),
        ("%c3%a9", "\u{e9}", true),
    ] {
        let (document, fate) = (told.into(), changed("1"));
        assert_eq!(Change { document, fate }.is_of(held), is_it, "{told}");
    }
    for (one, other, same) in [
        ("a", "\"a\"", true),
        ("\"a\"", "\"a\"", true),
        ("a", "b", false),
        ("\"", "\"", true),
        ("\"\"", "", true),
        ("W/\"a\"", "a", false),
    ] {
        assert_eq!(same_etag(one, other), same, "{one} {other}");
    }
}

/// XDM-77, SEC-07, SEC-08: what cannot be relied on tells nothing at all.
#[test]
fn a_document_that_is_broken_anywhere_tells_nothing() {
    let document = format!("<d:document sel='{LISTS}' new-etag='1'/>");
    let malformed = |found| matches!(found, Err(DiffError::Malformed(_)));
    for broken in [
        "<d:document sel='a' new-etag='1'/><d:document",
        "<d:document sel='a' new-etag='1'>&undefined;</d:document>",
        "<d:document sel='a' sel='b'/>",
        "<d:document new-etag='1'/></d:xcap-diff><a/>",
    ] {
        assert!(malformed(diff(&[&document, broken].concat())), "{broken}");
    }
    assert!(malformed(Diff::read(b"")));
    let doctype = "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xcap-diff/>";
    assert!(malformed(Diff::read(doctype.as_bytes())));
    let large = " ".repeat(10 << 20);
    assert!(matches!(
        diff(&large),
        Err(DiffError::Malformed(error)) if error.fault == Fault::TooLong
    ));
    let deep = "<x:a>".repeat(Limits::DEPTH);
    assert!(matches!(
        diff(&deep),
        Err(DiffError::Malformed(error)) if error.fault == Fault::TooDeep
    ));
    assert_eq!(
        Diff::read(b"<xcap-diff xcap-root='http://x'/>"),
        Err(DiffError::NotXcapDiff)
    );
    assert_eq!(Diff::read(b"<html/>"), Err(DiffError::NotXcapDiff));
    for unnamed in ["<d:document new-etag='1'/>", "<d:document sel=' '/>"] {
        let told = diff(&[&document, unnamed].concat());
        assert_eq!(told, Err(DiffError::NoSelector));
    }
    let many = |count: usize| diff(&document.repeat(count));
    assert_eq!(many(MAX_CHANGES).unwrap().changes.len(), MAX_CHANGES);
    assert_eq!(many(MAX_CHANGES + 1), Err(DiffError::TooManyChanges));
    assert_eq!(many(30_000), Err(DiffError::TooManyChanges));
}

/// XDM-73 (RFC 5875 §4.4): one flat list, each document once.
#[test]
fn a_list_names_documents_once_each() {
    let list = DocumentList::new([LISTS, "a/users/x&y/index", LISTS]).unwrap();
    assert_eq!(
        list.uris().collect::<Vec<_>>(),
        [LISTS, "a/users/x&y/index"]
    );
    let body = list.body();
    assert_eq!(body.content_type, "application/resource-lists+xml");
    assert_eq!(
        String::from_utf8(body.bytes).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>\
         <entry uri=\"resource-lists/users/sip:alice@example.org/index\"/>\
         <entry uri=\"a/users/x&amp;y/index\"/></list></resource-lists>"
    );
}

/// XDM-73, SEC-09: what is no relative URI never gets into a request.
#[test]
fn a_list_takes_relative_uris_only_and_not_without_end() {
    assert_eq!(DocumentList::new([""; 0]), Err(ListError::Empty));
    for uri in [
        "",
        "/a/b",
        "http://x/a",
        "a\"/><entry",
        "a b",
        "a\r\nb",
        "a<",
        "a/\u{e9}",
        &"a".repeat(MAX_URI + 1),
    ] {
        let refused = DocumentList::new([uri]);
        assert_eq!(refused, Err(ListError::Uri { uri: uri.into() }));
    }
    assert!(DocumentList::new(["a".repeat(MAX_URI)]).is_ok());
    let names = |count: usize| (0..count).map(|n| format!("a/{n}"));
    assert!(DocumentList::new(names(MAX_WATCHED)).is_ok());
    assert_eq!(
        DocumentList::new(names(MAX_WATCHED + 1)),
        Err(ListError::TooMany)
    );
}
