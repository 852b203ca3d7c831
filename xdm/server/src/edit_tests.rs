//! Where an element goes, by the examples and the rules of RFC 4825 §8.2.3, and what is refused.

use super::*;
use crate::binding::Bindings;

const ROOT: &str = "<?xml version=\"1.0\"?>\n<root>\n <el1 att=\"first\"/>\n <el1 att=\"second\"/>\n <!-- comment -->\n <el2 att=\"first\"/>\n</root>";

fn selector(text: &str) -> NodeSelector {
    let bindings = Bindings::of("xmlns(p=urn:p)xmlns(z=urn:z)").unwrap();
    NodeSelector::parse(text, &bindings, None).expect(text)
}

fn put(text: &str, to: &str, body: &str) -> Result<Edited, Conflict> {
    let tree = Tree::document(text).unwrap();
    let selector = selector(to);
    let parent = parent(&tree, &selector).expect(to);
    match &selector.terminal {
        Terminal::Attribute(name) => {
            put_attribute(text, &tree, parent.unwrap(), &selector, name, body)
        }
        _ => put_element(text, &tree, parent, &selector, body),
    }
}

fn delete(text: &str, at: &str) -> Result<String, Conflict> {
    let tree = Tree::document(text).unwrap();
    let selector = selector(at);
    let element = selector.selected(&tree).expect(at);
    match &selector.terminal {
        Terminal::Attribute(name) => Ok(delete_attribute(text, &tree, element, name).expect(at)),
        _ => delete_element(text, &tree, element, &selector),
    }
}

#[test]
fn a_new_element_goes_where_the_rules_say() {
    let third = r#"<el1 att="third"/>"#;
    let behind_second = ROOT.replace(r#""second"/>"#, r#""second"/><el1 att="third"/>"#);
    let two = r#"<el2 att="2"/>"#;
    for (to, body, result) in [
        ("root/el1[@att=\"third\"]", third, behind_second.clone()),
        ("root/el1[3][@att=\"third\"]", third, behind_second.clone()),
        ("root/*[3][@att=\"third\"]", third, behind_second.clone()),
        ("root/el1[3]", third, behind_second),
        (
            "root/el3",
            r#"<el3 att="first"/>"#,
            ROOT.replace("</root>", r#"<el3 att="first"/></root>"#),
        ),
        (
            "root/el3[1]",
            "<el3/>",
            ROOT.replace("</root>", "<el3/></root>"),
        ),
        (
            "root/*[@att=\"9\"]",
            r#"<el1 att="9"/>"#,
            ROOT.replace("</root>", r#"<el1 att="9"/></root>"#),
        ),
        (
            "root/el2[@att=\"2\"]",
            two,
            ROOT.replace("\n</root>", "<el2 att=\"2\"/>\n</root>"),
        ),
        (
            "root/el2[2][@att=\"2\"]",
            two,
            ROOT.replace("\n</root>", "<el2 att=\"2\"/>\n</root>"),
        ),
        (
            "root/*[2][@att=\"2\"]",
            two,
            ROOT.replace(
                "<el1 att=\"first\"/>",
                "<el1 att=\"first\"/><el2 att=\"2\"/>",
            ),
        ),
        (
            "root/el2[1][@att=\"2\"]",
            two,
            ROOT.replace("<el2", "<el2 att=\"2\"/><el2"),
        ),
        (
            "root/*[1][@att=\"2\"]",
            two,
            ROOT.replace(
                "<el1 att=\"first\"/>",
                "<el2 att=\"2\"/><el1 att=\"first\"/>",
            ),
        ),
        (
            "root/el2/x",
            "<x/>",
            ROOT.replace("<el2 att=\"first\"/>", "<el2 att=\"first\"><x/></el2>"),
        ),
        (
            "root/el1[1]/*[1]",
            "<x/>",
            ROOT.replacen("\"first\"/>", "\"first\"><x/></el1>", 1),
        ),
    ] {
        assert_eq!(
            put(ROOT, to, body),
            Ok(Edited {
                text: result,
                created: true
            }),
            "{to}"
        );
    }
}

#[test]
fn an_element_is_replaced_whole() {
    let text = ROOT.replace("<el2 att=\"first\"/>", "<el2 q=\"1\"><y/></el2>");
    let edited = Edited {
        text,
        created: false,
    };
    assert_eq!(
        put(ROOT, "root/el2", " <el2 q=\"1\"><y/></el2>\n"),
        Ok(edited)
    );
    let root = put(ROOT, "root", "<root/>").unwrap();
    assert_eq!(root.text, "<?xml version=\"1.0\"?>\n<root/>");
    // Redundant declarations stay (RFC 4825 §8.2.3).
    let text = "<r xmlns:p='urn:p'><p:a/></r>";
    let edited = put(text, "r/p:a", "<p:a xmlns:p='urn:p'/>").unwrap();
    assert_eq!(edited.text, "<r xmlns:p='urn:p'><p:a xmlns:p='urn:p'/></r>");
}

/// RFC 4825 §7.4, §8.2.3: GET(PUT(x)) == x, or nothing is put.
#[test]
fn what_the_selector_would_not_select_is_not_put() {
    for (to, body) in [
        ("root/el1[@att=\"third\"]", "<el1 att=\"fourth\"/>"),
        ("root/el1[@att=\"third\"]", "<el2 att=\"third\"/>"),
        ("root/el1[@att=\"first\"]", "<el1 att=\"other\"/>"),
        ("root/el3", "<el4/>"),
        ("root/el1[4]", "<el1/>"),
        ("root/el3[2]", "<el3/>"),
        ("root/*[9][@att=\"x\"]", "<el3 att=\"x\"/>"),
        ("root/el1[0]", "<el1/>"),
        ("root/el1", "<el1/>"),
        ("root/*", "<el1/>"),
        ("root/*[2][@att=\"x\"]", "<el1/>"),
        ("other", "<other/>"),
        ("root", "<other/>"),
        ("root[2]", "<root/>"),
    ] {
        let refused = put(ROOT, to, body);
        assert!(
            matches!(refused, Err(Conflict::CannotInsert(_))),
            "{to}: {refused:?}"
        );
    }
    for body in [
        "",
        "text",
        "<el3>",
        "<el3/><el3/>",
        "<el3/>x",
        "<p:el3/>",
        "<!-- --><el3/>",
    ] {
        let refused = put(ROOT, "root/el3", body);
        assert!(
            matches!(refused, Err(Conflict::NotXmlFragment(_))),
            "{body}: {refused:?}"
        );
    }
}

#[test]
fn attributes_are_put_and_replaced_in_place() {
    let text = "<r xmlns:q='urn:p'><a  x = 'old'\n y=\"2\" /><b/></r>";
    for (to, body, result, created) in [
        ("r/a/@x", "\"new\"", text.replace("'old'", "\"new\""), false),
        (
            "r/a/@z",
            "'\"'\n",
            text.replace("\"2\"", "\"2\" z='\"'"),
            true,
        ),
        (
            "r/b/@z",
            "\"&amp;\"",
            text.replace("<b/>", "<b z=\"&amp;\"/>"),
            true,
        ),
        (
            "r/b/@p:z",
            "\"\"",
            text.replace("<b/>", "<b q:z=\"\"/>"),
            true,
        ),
        (
            "r/b/@xml:lang",
            "\"en\"",
            text.replace("<b/>", "<b xml:lang=\"en\"/>"),
            true,
        ),
        (
            "r/a[@y=\"2\"]/@x",
            "\"n\"",
            text.replace("'old'", "\"n\""),
            false,
        ),
    ] {
        assert_eq!(
            put(text, to, body),
            Ok(Edited {
                text: result,
                created
            }),
            "{to}"
        );
    }
    for body in [
        "", "new", "\"new", "\"", "\"a\"b\"", "\"<\"", "\"&\"", "\"&x;\"", "<a/>",
    ] {
        assert_eq!(
            put(text, "r/a/@x", body),
            Err(Conflict::NotXmlAttributeValue),
            "{body}"
        );
    }
    // RFC 4825 §7.7: the value is what selects the element. Declarations are no attributes; a namespace needs a prefix.
    for (to, body) in [
        ("r/a[@x=\"old\"]/@x", "\"new\""),
        ("r/b/@xmlns", "\"urn:z\""),
        ("r/b/@z:z", "\"1\""),
    ] {
        let refused = put(text, to, body);
        assert!(
            matches!(refused, Err(Conflict::CannotInsert(_))),
            "{to}: {refused:?}"
        );
    }
}

/// RFC 4825 §7.5, §8.4: the same DELETE again must not find another node.
#[test]
fn what_is_deleted_is_gone_and_nothing_else() {
    for (at, result) in [
        (
            "root/el1[@att=\"first\"]",
            ROOT.replacen("<el1 att=\"first\"/>", "", 1),
        ),
        ("root/el1[2]", ROOT.replace("<el1 att=\"second\"/>", "")),
        ("root/el2", ROOT.replace("<el2 att=\"first\"/>", "")),
        ("root/*[3]", ROOT.replace("<el2 att=\"first\"/>", "")),
        (
            "root/*[1][@att=\"first\"]",
            ROOT.replacen("<el1 att=\"first\"/>", "", 1),
        ),
        (
            "root/el2/@att",
            ROOT.replace("<el2 att=\"first\"/>", "<el2/>"),
        ),
    ] {
        assert_eq!(delete(ROOT, at), Ok(result), "{at}");
    }
    for at in ["root/el1[1]", "root/*[1]", "root/*[2]"] {
        assert_eq!(delete(ROOT, at), Err(Conflict::CannotDelete), "{at}");
    }
    assert!(matches!(delete(ROOT, "root"), Err(Conflict::Schema(_))));
    // Two that the test fits were one before the deletion made a place for the second.
    let text = "<r><x a='1'/><x a='2'/></r>";
    assert_eq!(
        delete(text, "r/x[1][@a=\"1\"]"),
        Ok("<r><x a='2'/></r>".into())
    );
    let text = "<r><x a='1'/><x a='1'/></r>";
    assert_eq!(
        delete(text, "r/x[1][@a=\"1\"]"),
        Err(Conflict::CannotDelete)
    );
}

/// What was cut in or out is all that differs.
#[test]
fn the_rest_stays_octet_for_octet() {
    let text = "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\r\n<!-- \u{e9} --><r\t\n a = 'x'><![CDATA[<r/>]]>&#x41;<?pi ?><b  /></r >\r\n";
    let edited = put(text, "r/c", "<c/>").unwrap().text;
    assert_eq!(edited, text.replace("</r >", "<c/></r >"));
    assert_eq!(delete(&edited, "r/c").unwrap(), text);
    let edited = put(text, "r/b/c", "<c/>").unwrap().text;
    assert_eq!(edited, text.replace("<b  />", "<b  ><c/></b>"));
    let edited = put(text, "r/@b", "'1'").unwrap().text;
    assert_eq!(edited, text.replace("'x'>", "'x' b='1'>"));
    assert_eq!(delete(&edited, "r/@b").unwrap(), text);
}
