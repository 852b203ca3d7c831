//! Core's XML reader against two others: roxmltree for what is well-formed and what the tree is, quick-xml for the events
//! (XML 1.0 fifth edition, Namespaces in XML 1.0; SEC-06…08).
//!
//! Where core and roxmltree disagree on purpose, the fault that core names tells the rule, and only these are let pass:
//!
//! | core refuses | roxmltree accepts | clause |
//! |---|---|---|
//! | `Doctype` | an empty document type declaration | SEC-06: no DTD at all |
//! | `UnsupportedEncoding`, `UnsupportedVersion`, `MalformedDeclaration` | any value in the declaration, in any order | XML §2.8 \[23–26, 32\], §4.3.3 \[80–81\]; SEC-08 |
//! | `MisplacedDeclaration` | `<?xml` and a tab or line end, `<?XML …?>`, anywhere | XML §2.6 \[17\]: no target is `xml` in any case |
//! | `MalformedProcessingInstruction` | a target that runs into its data, or holds a colon | XML §2.6 \[16\]; NS §7 |
//! | `MalformedName` | `<a:b:c/>`, `<:a/>` | NS §4 \[7–11\] |
//! | `ReservedPrefix` | `xmlns` used as prefix of an element, or bound | NS §3 |
//! | `EmptyNamespace` | `xmlns:p=""` | NS §2.2: only the default can be undeclared |
//! | `IllegalCharacterReference` | a surrogate, or a number above U+10FFFF, as U+FFFD | XML §4.1, WFC: Legal Character |
//! | `DuplicateAttribute` | one namespace declaration twice on an element | XML §3.1, WFC: Unique Att Spec |
//! | `MismatchedEndTag` | `<a></:a>` | XML §3, WFC: Element Type Match; NS §4 \[7\] |
//! | `TooDeep`, `TooLong`, `TooMany…`, `TextTooLong` | all sizes | SEC-07 |
//!
//! The prefix `xml` on an element, which roxmltree refuses, is bound without a declaration (NS §3). `fuzz/libxml2.py` asks
//! libxml2 the same of everything that these targets have found worth keeping.
//!
//! quick-xml takes the name of a namespace as written, with its references and line ends; core takes the normalised value
//! of the attribute (NS §2.3, XML §3.3.3), and so the name that quick-xml gives is normalised before it is compared.

use quick_xml::XmlVersion;
use quick_xml::events::Event as Quick;
use quick_xml::events::attributes::Attribute;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use rollmark_core::xml::{Error, Event, Fault, Limits, Namespace, Reader};

/// A document as events, with neighbouring texts as one.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Start {
        namespace: String,
        local: String,
        /// Namespace, local name and value, sorted; declarations left out.
        attributes: Vec<(String, String, String)>,
    },
    Text(String),
    End,
}

/// What comparing with roxmltree came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both accept, with the same tree.
    BothAccept,
    /// Both refuse.
    BothRefuse,
    /// Core refuses by a rule of the table above.
    ByRule(Fault),
    /// The document holds what roxmltree is known to misread.
    NotCompared,
}

/// Target: core accepts exactly what roxmltree accepts, but for the rules of the table above.
///
/// # Panics
/// On a disagreement that no rule backs, or a fault placed outside the body.
pub fn reader_well_formed(body: &[u8]) {
    compare_with_roxmltree(body);
}

/// Compares acceptance and, where both accept, the trees.
///
/// # Panics
/// As [`reader_well_formed`].
pub fn compare_with_roxmltree(body: &[u8]) -> Verdict {
    let ours = read(body, Limits::default());
    let Ok(text) = std::str::from_utf8(body) else {
        assert_eq!(ours.map_err(|error| error.fault), Err(Fault::NotUtf8));
        return Verdict::BothRefuse;
    };
    if text.contains(":xmlns") {
        // roxmltree takes `p:xmlns` for a declaration; it is an attribute of the namespace of `p` (NS §3, §6.1).
        return Verdict::NotCompared;
    }
    let text = with_line_feeds(conventional(text));
    if text.starts_with('\u{FEFF}') {
        // Only the first one is a byte order mark (XML §4.3.3); roxmltree would take it for another.
        assert!(ours.is_err(), "a second byte order mark is passed over");
        return Verdict::NotCompared;
    }
    let theirs = roxmltree::Document::parse(&text);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours, tree(&theirs), "the trees differ");
            Verdict::BothAccept
        }
        // The prefix xml is bound without a declaration, for elements too (NS §3).
        (Ok(_), Err(roxmltree::Error::UnknownNamespace(prefix, _))) if prefix == "xml" => {
            Verdict::NotCompared
        }
        (Ok(_), Err(error)) => panic!("core accepts what roxmltree refuses: {error}"),
        (Err(error), theirs) => {
            assert!(
                error.offset <= body.len(),
                "{error}: the offset is outside the body"
            );
            match theirs {
                Err(_) => Verdict::BothRefuse,
                Ok(_)
                    if by_rule(error.fault)
                        || declared_twice(error, body)
                        || empty_prefix(error, body) =>
                {
                    Verdict::ByRule(error.fault)
                }
                Ok(_) => panic!("roxmltree accepts what core refuses: {error}"),
            }
        }
    }
}

/// Without the white space that core tolerates before the XML declaration.
fn conventional(text: &str) -> &str {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// The text with all line ends as line feeds: XML §2.11 in its own words. roxmltree leaves a carriage return before a
/// reference as it is.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// True for faults that roxmltree does not look for; see the table above.
fn by_rule(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Doctype
            | Fault::UnsupportedEncoding
            | Fault::UnsupportedVersion
            | Fault::MalformedDeclaration
            | Fault::MisplacedDeclaration
            | Fault::MalformedProcessingInstruction
            | Fault::MalformedName
            | Fault::ReservedPrefix
            | Fault::EmptyNamespace
            | Fault::IllegalCharacterReference
    ) || is_limit(fault)
}

/// A namespace declaration written twice, which roxmltree does not count as an attribute.
fn declared_twice(error: Error, body: &[u8]) -> bool {
    let tag = String::from_utf8_lossy(&body[error.offset..]);
    error.fault == Fault::DuplicateAttribute && tag.matches("xmlns").count() > 1
}

/// An end tag whose prefix is empty.
fn empty_prefix(error: Error, body: &[u8]) -> bool {
    error.fault == Fault::MismatchedEndTag && body[error.offset..].starts_with(b"</:")
}

fn is_limit(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::TooDeep
            | Fault::TooLong
            | Fault::TooManyAttributes
            | Fault::TooManyNamespaces
            | Fault::TextTooLong
    )
}

/// Target: of every document that core accepts, quick-xml reads the same names, namespaces, attribute values and texts;
/// a reader that failed fails again with the same error; and limits only refuse, they change nothing.
///
/// # Panics
/// On a disagreement.
pub fn reader_events(body: &[u8]) {
    let limits = Limits {
        body: usize::MAX,
        depth: usize::MAX,
        attributes: usize::MAX,
        text: usize::MAX,
        namespaces: usize::MAX,
    };
    let unlimited = read(body, limits);
    match (read(body, Limits::default()), &unlimited) {
        (Ok(limited), Ok(unlimited)) => assert_eq!(limited, *unlimited),
        (Err(error), _) if is_limit(error.fault) => {}
        (Err(limited), Err(unlimited)) => assert_eq!(limited, *unlimited),
        (limited, unlimited) => panic!("{limited:?} with limits, {unlimited:?} without"),
    }
    if let (Ok(nodes), Ok(text)) = (unlimited, std::str::from_utf8(body)) {
        assert_eq!(
            nodes,
            quick(conventional(text)),
            "quick-xml reads otherwise"
        );
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    match nodes.last_mut() {
        _ if text.is_empty() => {}
        Some(Node::Text(held)) => held.push_str(text),
        _ => nodes.push(Node::Text(text.into())),
    }
}

/// The document by core.
fn read(body: &[u8], limits: Limits) -> Result<Vec<Node>, Error> {
    let mut reader = Reader::new(body, limits)?;
    let mut nodes = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(Event::Start(name))) => {
                let mut attributes: Vec<_> = reader
                    .attributes()
                    .iter()
                    .filter(|attribute| attribute.namespace != Namespace::XMLNS)
                    .map(|attribute| {
                        (
                            reader.namespace_name(attribute.namespace).to_string(),
                            attribute.local.to_string(),
                            attribute.value().into_owned(),
                        )
                    })
                    .collect();
                attributes.sort_unstable();
                nodes.push(Node::Start {
                    namespace: reader.namespace_name(name.namespace).to_string(),
                    local: name.local.to_string(),
                    attributes,
                });
            }
            Ok(Some(Event::Text(text))) => push_text(&mut nodes, &text.decoded()),
            Ok(Some(Event::End)) => nodes.push(Node::End),
            Ok(None) => {
                assert!(matches!(reader.read(), Ok(None)), "something after the end");
                return Ok(nodes);
            }
            Err(error) => {
                assert_eq!(reader.read().err(), Some(error), "an error was forgotten");
                return Err(error);
            }
        }
    }
}

/// The document by roxmltree.
fn tree(document: &roxmltree::Document<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    // Depth is bounded by core's limit here, for core has accepted the document.
    fn walk(nodes: &mut Vec<Node>, node: roxmltree::Node<'_, '_>) {
        if node.is_text() {
            push_text(nodes, node.text().unwrap_or_default());
        } else if node.is_element() {
            let name = node.tag_name();
            let mut attributes: Vec<_> = node
                .attributes()
                .map(|attribute| {
                    (
                        attribute.namespace().unwrap_or_default().to_string(),
                        attribute.name().to_string(),
                        attribute.value().to_string(),
                    )
                })
                .collect();
            attributes.sort_unstable();
            nodes.push(Node::Start {
                namespace: name.namespace().unwrap_or_default().to_string(),
                local: name.name().to_string(),
                attributes,
            });
            node.children().for_each(|child| walk(nodes, child));
            nodes.push(Node::End);
        }
    }
    walk(&mut nodes, document.root_element());
    nodes
}

/// The document by quick-xml.
fn quick(text: &str) -> Vec<Node> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut nodes = Vec::new();
    let mut depth = 0_usize;
    loop {
        let (namespace, event) = match reader.read_resolved_event() {
            Ok((namespace, event)) => (bound(&namespace), event),
            Err(error) => panic!("quick-xml refuses what core accepts: {error}"),
        };
        match event {
            Quick::Start(start) => {
                depth += 1;
                let mut attributes: Vec<_> = start
                    .attributes()
                    .map(|attribute| attribute.expect("quick-xml refuses an attribute"))
                    .filter(|attribute| attribute.key.as_namespace_binding().is_none())
                    .map(|attribute| {
                        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
                        let value = attribute
                            .normalized_value(XmlVersion::Implicit1_0)
                            .expect("quick-xml refuses an attribute value");
                        (
                            bound(&namespace),
                            local.as_ref().to_string(),
                            value.into_owned(),
                        )
                    })
                    .collect();
                attributes.sort_unstable();
                nodes.push(Node::Start {
                    namespace,
                    local: start.local_name().as_ref().to_string(),
                    attributes,
                });
            }
            Quick::End(_) => {
                depth -= 1;
                nodes.push(Node::End);
            }
            Quick::Text(text) if depth > 0 => push_text(&mut nodes, &text.xml10_content()),
            Quick::CData(text) => push_text(&mut nodes, &text.xml10_content()),
            Quick::GeneralRef(name) => {
                let character = name
                    .resolve_char_ref()
                    .expect("quick-xml refuses a character reference");
                match character {
                    Some(character) => {
                        push_text(&mut nodes, character.encode_utf8(&mut [0; 4]));
                    }
                    None => {
                        let text = quick_xml::escape::resolve_predefined_entity(&name)
                            .expect("quick-xml knows the five entities");
                        push_text(&mut nodes, text);
                    }
                }
            }
            Quick::Eof => return nodes,
            _ => {}
        }
    }
}

fn bound(namespace: &ResolveResult<'_>) -> String {
    match namespace {
        ResolveResult::Bound(namespace) => {
            let value = Attribute::from(("xmlns", ""));
            let value = Attribute {
                value: namespace.0.into(),
                ..value
            };
            let value = value.normalized_value(XmlVersion::Implicit1_0);
            value.expect("a namespace name is a value").into_owned()
        }
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(prefix) => panic!("quick-xml does not know the prefix {prefix}"),
    }
}
