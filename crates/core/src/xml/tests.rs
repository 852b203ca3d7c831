//! What the reader accepts, what it refuses and why, and what it makes of it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The events of a document in one line: `{namespace}name[attributes] "text" /`.
fn events(body: &[u8], limits: Limits) -> Result<String, Error> {
    let mut reader = Reader::new(body, limits)?;
    let mut out: Vec<String> = Vec::new();
    while let Some(event) = reader.read()? {
        out.push(match event {
            Event::Start(name) => {
                let mut text = format!(
                    "{{{}}}{}",
                    reader.namespace_name(name.namespace),
                    name.local
                );
                for attribute in reader.attributes() {
                    if attribute.namespace != Namespace::XMLNS {
                        let namespace = reader.namespace_name(attribute.namespace);
                        text +=
                            &format!("[{{{namespace}}}{}={}]", attribute.local, attribute.value());
                    }
                }
                text
            }
            Event::Text(text) => format!("{:?}", text.decoded()),
            Event::End => "/".to_string(),
        });
    }
    Ok(out.join(" "))
}

fn read(body: &str) -> Result<String, Error> {
    events(body.as_bytes(), Limits::default())
}

fn fault(body: &str) -> Option<Fault> {
    read(body).err().map(|error| error.fault)
}

#[test]
fn well_formed_documents_give_their_events() {
    let cases = [
        ("<a/>", "{}a /"),
        ("<a></a >", "{}a /"),
        ("\u{FEFF}<a/>", "{}a /"),
        (" \r\n\t<?xml version='1.0'?><a/>", "{}a /"),
        (
            "\u{FEFF}\n<?xml version=\"1.0\" encoding='utf-8' standalone=\"no\" ?>\n<a/>\n",
            "{}a /",
        ),
        ("<?xml version = '1.1'?><a/>", "{}a /"),
        (
            "<!-- - --><?p?><?p q?><a><!----><?xml-x y?></a><!--e--> ",
            "{}a /",
        ),
        (
            "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;</a>",
            "{}a \"<>&\\\"'A\u{1F600}\" /",
        ),
        ("<a>x\r\ny\rz&#13;</a>", "{}a \"x\\ny\\nz\\r\" /"),
        (
            "<a>1<![CDATA[<&]] >\r\n]]]]>2</a>",
            "{}a \"1\" \"<&]] >\\n]]\" \"2\" /",
        ),
        ("<a>]] > ]]&gt;</a>", "{}a \"]] > ]]>\" /"),
        (
            "<a b='1\r\n2\t3&#10;4' c=\"'\"/>",
            "{}a[{}b=1 2 3\n4][{}c='] /",
        ),
        ("<a b = '>' />", "{}a[{}b=>] /"),
        (
            "<a xmlns='n'><b/><c xmlns=''><d/></c><e/></a>",
            "{n}a {n}b / {}c {}d / / {n}e / /",
        ),
        (
            "<p:a xmlns:p='n' p:x='1' x='2'><p:b xmlns:p='m'/><p:c/></p:a>",
            "{n}a[{n}x=1][{}x=2] {m}b / {n}c / /",
        ),
        (
            "<a xml:lang='en'/>",
            "{}a[{http://www.w3.org/XML/1998/namespace}lang=en] /",
        ),
        (
            "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
            "{}a /",
        ),
        ("<a xmlns='&#110;'/>", "{n}a /"),
        ("<é·1 ñ='ü'/>", "{}é·1[{}ñ=ü] /"),
        ("<_a-b.c/>", "{}_a-b.c /"),
        (
            "<a xmlns:p='n' xmlns:q='m' p:x='' q:x='' x=''/>",
            "{}a[{n}x=][{m}x=][{}x=] /",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(read(body).as_deref(), Ok(expected), "{body}");
    }
}

#[test]
fn documents_that_are_not_well_formed_are_refused_with_their_fault() {
    let cases = [
        ("", Fault::NoRoot),
        (" <!-- --> ", Fault::NoRoot),
        ("a", Fault::TextOutsideRoot),
        ("<a/>b", Fault::TextOutsideRoot),
        ("<a/>&amp;", Fault::TextOutsideRoot),
        ("<a/>\u{FEFF}", Fault::TextOutsideRoot),
        ("<a/><b/>", Fault::SecondRoot),
        ("<a>", Fault::UnexpectedEnd),
        ("<a", Fault::UnexpectedEnd),
        ("<", Fault::UnexpectedEnd),
        ("<a b='", Fault::UnexpectedEnd),
        ("<a></a", Fault::UnexpectedEnd),
        ("<a>b", Fault::UnexpectedEnd),
        ("<!-- ", Fault::UnexpectedEnd),
        ("<a><![CDATA[ ]]</a>", Fault::UnexpectedEnd),
        ("<?p ", Fault::UnexpectedEnd),
        ("</a>", Fault::UnexpectedEndTag),
        ("<a/></a>", Fault::UnexpectedEndTag),
        ("<a></b>", Fault::MismatchedEndTag),
        ("<a></ab>", Fault::MismatchedEndTag),
        ("<a></ a>", Fault::MismatchedEndTag),
        ("<a><b></a></b>", Fault::MismatchedEndTag),
        (
            "<p:a xmlns:p='n' xmlns:q='n'></q:a>",
            Fault::MismatchedEndTag,
        ),
        ("< a/>", Fault::MalformedName),
        ("<1/>", Fault::MalformedName),
        ("<:a/>", Fault::MalformedName),
        ("<a:/>", Fault::MalformedName),
        ("<a:b:c xmlns:a='n'/>", Fault::MalformedName),
        ("<a:1 xmlns:a='n'/>", Fault::MalformedName),
        ("<a×/>", Fault::MalformedName),
        ("<a b='1'c='2'/>", Fault::MalformedName),
        ("<a 1='1'/>", Fault::MalformedName),
        ("<a/ >", Fault::MalformedMarkup),
        ("<a><!x></a>", Fault::MalformedMarkup),
        ("<a b/>", Fault::MalformedAttribute),
        ("<a b=1/>", Fault::MalformedAttribute),
        ("<a b='<'/>", Fault::AngleInAttribute),
        ("<a b='1' b='2'/>", Fault::DuplicateAttribute),
        (
            "<a xmlns:p='n' xmlns:q='n' p:b='' q:b=''/>",
            Fault::DuplicateAttribute,
        ),
        ("<a xmlns='n' xmlns='m'/>", Fault::DuplicateAttribute),
        ("<a>]]></a>", Fault::CdataEndInText),
        ("<a>é]]>é</a>", Fault::CdataEndInText),
        ("<![CDATA[]]><a/>", Fault::CdataOutsideRoot),
        ("<a>&</a>", Fault::MalformedReference),
        ("<a>& b;</a>", Fault::MalformedReference),
        ("<a>&amp</a>", Fault::MalformedReference),
        ("<a>&#;</a>", Fault::MalformedReference),
        ("<a>&#x;</a>", Fault::MalformedReference),
        ("<a>&#+1;</a>", Fault::MalformedReference),
        ("<a>&#X41;</a>", Fault::MalformedReference),
        ("<a b='&'/>", Fault::MalformedReference),
        ("<a>&nbsp;</a>", Fault::UnknownEntity),
        ("<a b='&nbsp;'/>", Fault::UnknownEntity),
        ("<a>&#0;</a>", Fault::IllegalCharacterReference),
        ("<a>&#xD800;</a>", Fault::IllegalCharacterReference),
        ("<a>&#xFFFE;</a>", Fault::IllegalCharacterReference),
        ("<a>&#99999999999;</a>", Fault::IllegalCharacterReference),
        ("<a>\u{1}</a>", Fault::IllegalCharacter),
        ("<a>\u{FFFF}</a>", Fault::IllegalCharacter),
        ("<a>\u{FF01}\u{FFFE}</a>", Fault::IllegalCharacter),
        ("<a/>\0", Fault::IllegalCharacter),
        ("<!-- a -- b --><a/>", Fault::DoubleHyphen),
        ("<!-- a ---><a/>", Fault::DoubleHyphen),
        ("<!DOCTYPE a><a/>", Fault::Doctype),
        (
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            Fault::Doctype,
        ),
        ("<? p?><a/>", Fault::MalformedProcessingInstruction),
        ("<?p+?><a/>", Fault::MalformedProcessingInstruction),
        ("<?p:q r?><a/>", Fault::MalformedProcessingInstruction),
        ("<a/><?xml version='1.0'?>", Fault::MisplacedDeclaration),
        (
            "<!-- --><?xml version='1.0'?><a/>",
            Fault::MisplacedDeclaration,
        ),
        ("<a><?XML x?></a>", Fault::MisplacedDeclaration),
        ("<?xml?><a/>", Fault::MisplacedDeclaration),
        ("<?xml version='1.0'><a/>", Fault::MalformedDeclaration),
        ("<?xml encoding='UTF-8'?><a/>", Fault::MalformedDeclaration),
        (
            "<?xml version='1.0'encoding='UTF-8'?><a/>",
            Fault::MalformedDeclaration,
        ),
        (
            "<?xml version='1.0' standalone='maybe'?><a/>",
            Fault::MalformedDeclaration,
        ),
        (
            "<?xml version='1.0' standalone='no' encoding='UTF-8'?><a/>",
            Fault::MalformedDeclaration,
        ),
        ("<?xml version='2.0'?><a/>", Fault::UnsupportedVersion),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
            Fault::UnsupportedEncoding,
        ),
        (
            "<?xml version='1.0' encoding='UTF-16'?><a/>",
            Fault::UnsupportedEncoding,
        ),
        ("<p:a/>", Fault::UnboundPrefix),
        ("<a p:b=''/>", Fault::UnboundPrefix),
        ("<a><b xmlns:p='n'/><p:c/></a>", Fault::UnboundPrefix),
        ("<xmlns:a/>", Fault::ReservedPrefix),
        ("<a xmlns:xmlns='n'/>", Fault::ReservedPrefix),
        ("<a xmlns:xml='n'/>", Fault::ReservedPrefix),
        (
            "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            Fault::ReservedPrefix,
        ),
        (
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
            Fault::ReservedPrefix,
        ),
        ("<a xmlns:p=''/>", Fault::EmptyNamespace),
    ];
    for (body, expected) in cases {
        assert_eq!(fault(body), Some(expected), "{body}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_at_their_place() {
    let error = events(b"<a>\xC3\x28</a>", Limits::default()).unwrap_err();
    assert_eq!((error.fault, error.offset), (Fault::NotUtf8, 3));
    let utf_16 = b"\xFF\xFE<\0a\0/\0>\0";
    assert_eq!(
        events(utf_16, Limits::default()).unwrap_err().fault,
        Fault::NotUtf8
    );
}

#[test]
fn a_fault_is_told_with_the_byte_where_it_is() {
    let cases = [
        ("<a>x&y;</a>", 4),
        ("\u{FEFF}<a>x&y;</a>", 7),
        ("<a><b></c></a>", 6),
        ("<a>\u{2}</a>", 3),
        ("<a b='x&#0;'/>", 7),
    ];
    for (body, offset) in cases {
        assert_eq!(read(body).unwrap_err().offset, offset, "{body}");
    }
}

#[test]
fn after_a_fault_the_same_fault_comes_again() {
    let mut reader = Reader::new(b"<a>&x;</a>", Limits::default()).unwrap();
    assert!(reader.read().is_ok());
    let first = reader.read().unwrap_err();
    assert_eq!(reader.read().unwrap_err(), first);
    assert_eq!(reader.skip().unwrap_err(), first);
}

#[test]
fn skip_passes_over_the_rest_of_the_open_element() {
    let mut reader = Reader::new(b"<a><b>x<c/>y</b>z</a>", Limits::default()).unwrap();
    reader.read().unwrap();
    reader.read().unwrap();
    reader.skip().unwrap();
    let Some(Event::Text(text)) = reader.read().unwrap() else {
        panic!("text expected");
    };
    assert_eq!(text.decoded(), "z");
}

#[test]
fn every_limit_refuses_what_is_over_it_and_nothing_below() {
    let limits = Limits {
        body: 60,
        depth: 3,
        attributes: 2,
        text: 5,
        namespaces: 2,
    };
    let cases = [
        ("<a><b><c/></b></a>", None),
        ("<a><b><c><d/></c></b></a>", Some(Fault::TooDeep)),
        ("<a x='' y=''/>", None),
        ("<a x='' y='' z=''/>", Some(Fault::TooManyAttributes)),
        ("<a>12345</a>", None),
        ("<a>123456</a>", Some(Fault::TextTooLong)),
        ("<a>123<!-- -->456</a>", Some(Fault::TextTooLong)),
        ("<a>123<![CDATA[456]]></a>", Some(Fault::TextTooLong)),
        ("<a>123<b/>456</a>", None),
        ("<a x='123456'/>", Some(Fault::TextTooLong)),
        ("<a xmlns='1' xmlns:p='2'><b xmlns='2'/></a>", None),
        (
            "<a xmlns='1'><b xmlns='2'><c xmlns='3'/></b></a>",
            Some(Fault::TooManyNamespaces),
        ),
        (
            "<a xmlns:p='1' xmlns:q='1'><b xmlns:r='1'/></a>",
            Some(Fault::TooManyNamespaces),
        ),
        (
            "<a>      <!-- this is a comment of many characters -->  </a>",
            Some(Fault::TextTooLong),
        ),
        (
            "<a><!-- this is a comment of far more characters than 60 --></a>",
            Some(Fault::TooLong),
        ),
    ];
    for (body, expected) in cases {
        let fault = events(body.as_bytes(), limits).err().map(|e| e.fault);
        assert_eq!(fault, expected, "{body}");
    }
}

#[test]
fn a_long_document_of_many_prefixes_is_read_in_bounded_time() {
    // 200 declarations in scope, then tens of thousands of elements that use the outermost.
    let mut body = String::from("<p0:a");
    for i in 0..60 {
        body += &format!(" xmlns:p{i}='n'");
    }
    body += ">";
    body += &"<p0:b/>".repeat(50_000);
    body += "</p0:a>";
    let mut reader = Reader::new(body.as_bytes(), Limits::default()).unwrap();
    let mut starts = 0;
    while let Some(event) = reader.read().unwrap() {
        starts += usize::from(matches!(event, Event::Start(_)));
    }
    assert_eq!(starts, 50_001);
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
        .replace('\r', "&#13;")
        .replace('\n', "&#xA;")
        .replace('\t', "&#9;")
}

proptest! {
    #[test]
    fn no_byte_string_makes_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = events(&body, Limits::default());
    }

    #[test]
    fn no_string_of_markup_makes_the_reader_panic_and_its_tags_balance(
        parts in prop::collection::vec(prop::sample::select(alloc::vec![
            "<a", "</a>", ">", "/>", " b='1'", " xmlns='n'", " xmlns:p='m'", "<p:c>", "</p:c>", "&amp;", "&", ";",
            "<!--", "-->", "<![CDATA[", "]]>", "<?p", "?>", "é", "\r\n", "x", "'", "\"", "<?xml version='1.0'?>",
        ]), 0..30)
    ) {
        let body = parts.concat();
        if let Ok(events) = read(&body) {
            let starts = events.split(' ').filter(|e| e.starts_with('{')).count();
            let ends = events.split(' ').filter(|e| *e == "/").count();
            prop_assert_eq!(starts, ends);
        }
    }

    #[test]
    fn escaped_texts_come_back_as_they_were(text in "[\\PC\r\n\t&<>']{0,40}") {
        let body = format!("<a b='{0}'>{0}</a>", escape(&text));
        let mut reader = Reader::new(body.as_bytes(), Limits::default()).unwrap();
        reader.read().unwrap();
        prop_assert_eq!(reader.attributes()[0].value().into_owned(), text.as_str());
        let mut out = String::new();
        if let Some(Event::Text(piece)) = reader.read().unwrap() {
            piece.push_to(&mut out);
        }
        prop_assert_eq!(out, text);
    }
}
