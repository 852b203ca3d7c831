//! Selectors as they find nodes, and as they are written.

use super::*;
use crate::reference::Reference;
use proptest::prelude::*;

const DOCUMENT: &str = r#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:o="u:o">
    <list name="friends"><entry uri="sip:a/b@h"/><entry uri="sip:c@h"/></list>
    <o:list name="blocked"/>
    <list name="blocked"><list name="inner"/><entry uri="sip:d@h"/></list>
    <list name="twice"/><list name="twice"/>
</resource-lists>"#;

/// `name` or `uri` of what a reference finds.
fn found(reference: &str) -> Option<String> {
    let document = Document::parse(DOCUMENT.as_bytes()).unwrap();
    let id = Reference::parse(reference)?.find(&document)?;
    let element = document.element(id).unwrap();
    let label = element.attribute("name").or(element.attribute("uri"));
    Some(label.unwrap_or("root").to_owned())
}

/// RFC 4825 §6.3, §6.4; XDM-06, XDM-07, XDM-08.
#[test]
fn a_node_selector_finds_one_element_or_none() {
    let base = "http://h/x/resource-lists/users/sip:me@h/index/~~";
    let bound = "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)";
    for (selector, expected) in [
        ("/resource-lists", Some("root")),
        (
            "/resource-lists/list%5B@name=%22friends%22%5D",
            Some("friends"),
        ),
        ("/resource-lists/list[@name=\"friends\"]", Some("friends")),
        ("/resource-lists/list%5b@name='blocked'%5d", Some("blocked")),
        ("/resource-lists/list[2]", Some("blocked")),
        ("/resource-lists/*[2][@name=\"blocked\"]", Some("blocked")),
        ("/resource-lists/list[2]/list", Some("inner")),
        ("/resource-lists/list[2]/entry", Some("sip:d@h")),
        ("/*/list[1]/entry[@uri=\"sip:a/b@h\"]", Some("sip:a/b@h")),
        (
            "/*/list[1]/entry[@uri=%22sip:a%2Fb@h%22]",
            Some("sip:a/b@h"),
        ),
        ("/*/list[1]/entry[@uri=\"sip:&#99;@h\"]", Some("sip:c@h")),
        ("/resource-lists/list[1][@name=\"blocked\"]", None),
        ("/resource-lists/list[@name=\"blocked\"][2]", None),
        ("/resource-lists/list[@name=\"twice\"]", None),
        ("/resource-lists/list[@name=\"Friends\"]", None),
        ("/resource-lists/list", None),
        ("/resource-lists/list[0]", None),
        ("/resource-lists/list[9]", None),
        ("/resource-lists/list[1]/@name", None),
        ("/resource-lists/list[@name=friends]", None),
        ("/resource-lists/list[1", None),
        ("/resource-lists//list[1]", None),
        ("/r:resource-lists/r:list[1]", None),
        ("", None),
    ] {
        let reference = format!("{base}{selector}");
        assert_eq!(found(&reference).as_deref(), expected, "{selector}");
    }
    let prefixed = format!("{base}/r:resource-lists/r:list%5B1%5D{bound}");
    assert_eq!(found(&prefixed).as_deref(), Some("friends"));
    let foreign = format!("{base}/r:resource-lists/r:list%5B1%5D?xmlns(r=u:o)");
    assert_eq!(found(&foreign), None);
}

/// XDM-06, XDM-07, XDM-08; RFC 4825 §6.3, §6.4.
#[test]
fn a_selector_is_written_so_that_servers_read_what_was_meant() {
    let list = || NodeSelector::new().element("resource-lists");
    for (selector, written, encoded, query) in [
        (
            list().element_with("list", "name", "rcs"),
            "resource-lists/list[@name=\"rcs\"]",
            "resource-lists/list%5B@name=%22rcs%22%5D",
            None,
        ),
        (
            list()
                .element_with("list", "name", "a\"b/c")
                .nth_element("entry", 2)
                .attribute("uri"),
            "resource-lists/list[@name='a\"b/c']/entry[2]/@uri",
            "resource-lists/list%5B@name=%27a%22b%2Fc%27%5D/entry%5B2%5D/@uri",
            None,
        ),
        (
            list().element_with("list", "name", "'\"&<[]").namespaces(),
            "resource-lists/list[@name=\"'&quot;&amp;&lt;[]\"]/namespace::*",
            "resource-lists/list%5B@name=%22%27&quot;&amp;&lt;%5B%5D%22%5D/namespace::*",
            None,
        ),
        (
            NodeSelector::new()
                .element("cr:ruleset")
                .bind("cr", "urn:n")
                .bind("x", "http://h/(a)^"),
            "cr:ruleset",
            "cr:ruleset",
            Some("xmlns(cr=urn:n)xmlns(x=http://h/%5E(a%5E)%5E%5E)"),
        ),
    ] {
        assert_eq!(selector.to_string(), written);
        assert_eq!(selector.encoded(), encoded);
        assert_eq!(selector.query().as_deref(), query);
        let query = query.unwrap_or_default();
        assert_eq!(
            NodeSelector::parse(encoded, query).as_ref(),
            Ok(&selector),
            "{encoded}"
        );
        assert_eq!(
            NodeSelector::parse(written, query).as_ref(),
            Ok(&selector),
            "{written}"
        );
    }
}

#[test]
fn what_is_no_selector_is_refused() {
    let deep = "a/".repeat(MAX_STEPS + 1);
    for text in [
        "",
        "/",
        "a//b",
        "a[",
        "a[0]",
        "a[@b=c]",
        "a[@b=\"c]",
        "a[1][2]",
        "@a",
        "a/@",
        "a/@b/c",
        "p:a",
        "a/namespace::x",
        "1a",
        "a b",
        "%ff",
        deep.as_str(),
    ] {
        let error = NodeSelector::parse(text, "").expect_err(text);
        assert_eq!(error.text, text);
    }
    assert!(NodeSelector::parse(&"a/".repeat(MAX_STEPS), "").is_ok());
    let long = format!("https://h/x/~~/a{}", "a".repeat(MAX_REFERENCE));
    assert_eq!(Reference::parse(&long), None);
}

proptest! {
    /// XDM-07: whatever is in a value, the element meant is found by what was written.
    #[test]
    fn every_value_is_found_by_the_selector_written_for_it(value in "\\PC{0,12}") {
        let text = format!("<r xmlns='u:1'><e a=\"x{0}\"/><e a=\"{0}\"/></r>", escape::escape(&value));
        let document = Document::parse(text.as_bytes()).unwrap();
        let selector = NodeSelector::new().element("r").element_with("e", "a", &value);
        prop_assert_eq!(selector.find(&document, Some("u:1")), Some(2));
        let read = NodeSelector::parse(&selector.encoded(), "");
        prop_assert_eq!(read, Ok(selector));
    }
}
