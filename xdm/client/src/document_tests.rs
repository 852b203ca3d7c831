//! Documents as they are read, and what is refused.

use super::*;
use proptest::prelude::*;

fn error(text: &str) -> DocumentError {
    Document::parse(text.as_bytes()).expect_err(text)
}

fn names(text: &str) -> Vec<String> {
    let document = Document::parse(text.as_bytes()).expect(text);
    document
        .elements
        .iter()
        .map(Element::expanded_name)
        .collect()
}

/// XDM-55.
#[test]
fn names_are_told_apart_by_namespace_not_by_prefix() {
    assert_eq!(
        names(
            "\u{feff}<?xml version='1.0' encoding=\"utf-8\"?><!-- c -->\n<a xmlns='u:1' xmlns:p='u:2'>\
             text &amp; &#65;<p:b/><b xmlns='u:2'/><b xmlns=''/><q:b/><?pi?></a> <!-- d --> "
        ),
        ["{u:1}a", "{u:2}b", "{u:2}b", "b", "b"]
    );
}

#[test]
fn attributes_come_with_references_replaced_and_without_foreign_ones() {
    let document =
        Document::parse(br#"<a xmlns:p="u:2" uri="sip:a&amp;b&#x40;c" p:uri="x"/>"#).unwrap();
    let root = document.element(Document::ROOT).unwrap();
    assert_eq!(root.attributes.len(), 1);
    assert_eq!(root.attribute("uri"), Some("sip:a&b@c"));
}

#[test]
fn text_and_places_are_kept() {
    let text = "\u{feff}<a>\n <b x='1'> one &amp; <![CDATA[<two>]]>&#33;</b>\n <c/>\n <d></d></a>";
    let document = Document::parse(text.as_bytes()).unwrap();
    let shown = document.elements.iter().map(|element| {
        let text = |range: &Range<usize>| text.get(range.clone()).unwrap();
        (
            element.text.as_str(),
            text(&element.span),
            text(&element.content),
        )
    });
    let inner = "\n <b x='1'> one &amp; <![CDATA[<two>]]>&#33;</b>\n <c/>\n <d></d>";
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("", text.trim_start_matches('\u{feff}'), inner),
            (
                " one & <two>!",
                "<b x='1'> one &amp; <![CDATA[<two>]]>&#33;</b>",
                " one &amp; <![CDATA[<two>]]>&#33;"
            ),
            ("", "<c/>", ""),
            ("", "<d></d>", ""),
        ]
    );
}

/// XDM-23.
#[test]
fn a_fragment_is_in_the_default_namespace_and_has_the_bindings_known() {
    let read = |text: &str| {
        let bindings = [("p", "u:2")];
        Document::parse_fragment(text.as_bytes(), Some("u:1"), bindings.into_iter())
    };
    for (text, expected) in [
        ("<a><b/></a>", "{u:1}a {u:1}b"),
        (
            "\u{feff}<?xml version='1.0'?>\n<a><p:b><c/></p:b><d/></a>\n<!-- e -->",
            "{u:1}a {u:2}b {u:1}c {u:1}d",
        ),
        (
            "<q:a xmlns:q='u:3'><b xmlns='u:4'/><b xmlns=''/></q:a>",
            "{u:3}a {u:4}b b",
        ),
    ] {
        let document = read(text).unwrap();
        let names: Vec<_> = document
            .elements
            .iter()
            .map(Element::expanded_name)
            .collect();
        assert_eq!(names.join(" "), expected);
        assert_eq!(
            document.children(Document::ROOT).count(),
            document.elements[0].children.len()
        );
    }
    for text in [
        "",
        "text",
        "<a/><b/>",
        "<a/>text",
        "</scope><scope>",
        "<a>",
        "<!DOCTYPE a><a/>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

/// SEC-06, SEC-08.
#[test]
fn each_fault_is_refused_by_its_name() {
    type Check = fn(&DocumentError) -> bool;
    let table: [(&str, Check); 18] = [
        ("", |e| matches!(e, DocumentError::NoRoot)),
        ("  <!-- only -->", |e| matches!(e, DocumentError::NoRoot)),
        ("text", |e| matches!(e, DocumentError::OutsideRoot { .. })),
        ("<a/>x", |e| matches!(e, DocumentError::OutsideRoot { .. })),
        ("<a/><b/>", |e| {
            matches!(e, DocumentError::OutsideRoot { .. })
        }),
        ("<a/>&amp;", |e| {
            matches!(e, DocumentError::OutsideRoot { .. })
        }),
        (
            "<a><b></b>",
            |e| matches!(e, DocumentError::Unclosed { element } if element == "a"),
        ),
        ("<a><b></a>", |e| matches!(e, DocumentError::Syntax { .. })),
        ("<a", |e| matches!(e, DocumentError::Syntax { .. })),
        ("<a b='1' b='2'/>", |e| {
            matches!(e, DocumentError::Syntax { .. })
        }),
        ("<a b=1/>", |e| matches!(e, DocumentError::Syntax { .. })),
        ("<a b='<'/>", |e| {
            matches!(e, DocumentError::AttributeValue { .. })
        }),
        ("<a b='&x;'/>", |e| {
            matches!(e, DocumentError::Syntax { .. })
        }),
        (
            "<a>&x;</a>",
            |e| matches!(e, DocumentError::Entity { name, .. } if name == "x"),
        ),
        ("<!DOCTYPE a><a/>", |e| {
            matches!(e, DocumentError::Doctype { .. })
        }),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", |e| {
            matches!(e, DocumentError::Doctype { .. })
        }),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a/>", |e| {
            matches!(e, DocumentError::Encoding { .. })
        }),
        ("<a/></a>", |e| matches!(e, DocumentError::Syntax { .. })),
    ];
    for (text, check) in table {
        let error = error(text);
        assert!(check(&error), "{text}: {error:?}");
    }
    let octets = b"<a>\xe4</a>";
    let error = Document::parse(octets).unwrap_err();
    assert!(
        matches!(error, DocumentError::NotUtf8 { offset: 3 }),
        "{error}"
    );
}

/// SEC-07.
#[test]
fn a_document_at_the_limit_is_read_and_one_beyond_it_is_refused() {
    let nested = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
    assert_eq!(names(&nested(MAX_DEPTH)).len(), MAX_DEPTH);
    assert!(matches!(
        error(&nested(MAX_DEPTH + 1)),
        DocumentError::TooDeep
    ));

    let wide = |n: usize| {
        let attributes: String = (0..n).map(|i| format!(" a{i}=''")).collect();
        format!("<a{attributes}/>")
    };
    assert_eq!(names(&wide(MAX_ATTRIBUTES)).len(), 1);
    assert!(matches!(
        error(&wide(MAX_ATTRIBUTES + 1)),
        DocumentError::TooManyAttributes { .. }
    ));

    let long = |n: usize| format!("<a>{}</a>", "x".repeat(n - 7));
    assert_eq!(names(&long(MAX_DOCUMENT)).len(), 1);
    assert!(matches!(
        error(&long(MAX_DOCUMENT + 1)),
        DocumentError::TooLarge
    ));
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_fail(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(document) = Document::parse(&octets) {
            prop_assert!(!document.elements.is_empty());
        }
    }

    #[test]
    fn no_scrap_of_xml_makes_the_reader_fail(
        text in "(<a|<p:b|</a|>|/>| x='|'|\"|&|;|&amp;|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?|\\?>|xmlns:p=| )*",
    ) {
        if let Ok(document) = Document::parse(text.as_bytes()) {
            prop_assert!(!document.elements.is_empty());
        }
    }
}
