//! xcap-diff documents: the reader on any octets, and what a written one must come to (RFC 5874 §3, XDM-75…77).

use arbitrary::{Result, Unstructured};
use rollmark_core::xcap_diff::{Change, Diff, DocumentList, Fate, MAX_CHANGES};

const DOCUMENTS: [&str; 5] = [
    "resource-lists/users/sip:a@x/index",
    "resource-lists/users/sip%3Aa%40x/index",
    "a/users/b/c%2Fd",
    "a/users/b/c/d",
    "%",
];
const TAGS: [&str; 4] = ["1", "&quot;2&quot;", "", "&amp;&#9;"];
const CHILDREN: [&str; 6] = [
    "",
    "<body-not-changed/>",
    "<add sel='x'><y xmlns=''/></add>",
    "<x:body-not-changed xmlns:x='urn:x'/>",
    "text<!-- c -->",
    "<remove sel='x'/><body-not-changed/>",
];
const OTHERS: [&str; 4] = [
    "<element sel='a/~~/b'><document xmlns='urn:ietf:params:xml:ns:xcap-diff' sel='no'/></element>",
    "<x:document xmlns:x='urn:x' sel='no'/>",
    "<attribute sel='a/~~/b/@c'>v</attribute>",
    "<?pi?>",
];

/// Target: octets as a document and as a list, and a document out of choices.
///
/// Reading is total. A document written by RFC 5874 is read whole, to the fates of its table. Cut off anywhere it tells
/// nothing. Documents are known by any spelling, from either side.
///
/// # Panics
/// When one of these does not hold.
pub fn xcap_diff(input: &[u8]) {
    if let Ok(diff) = Diff::read(input) {
        assert!(diff.changes.len() <= MAX_CHANGES);
        for change in &diff.changes {
            assert!(!change.document.is_empty() && change.is_of(&change.document));
            let _ = diff.url(change);
        }
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(list) = DocumentList::new(text.lines())
    {
        let body = String::from_utf8(list.body().bytes).expect("a body is UTF-8");
        let document = roxmltree::Document::parse(&body).expect("a body is well-formed");
        let entries = document
            .descendants()
            .filter(|node| node.has_tag_name(("urn:ietf:params:xml:ns:resource-lists", "entry")));
        let uris: Vec<_> = entries.filter_map(|entry| entry.attribute("uri")).collect();
        assert_eq!(uris, list.uris().collect::<Vec<_>>());
    }
    let mut u = Unstructured::new(input);
    let _ = written(&mut u);
}

fn written(u: &mut Unstructured<'_>) -> Result<()> {
    let mut text =
        String::from("<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff' xcap-root='http://x/r'>");
    let mut expected = Vec::new();
    for _ in 0..u.int_in_range(0..=5)? {
        if u.ratio(1, 3)? {
            text.push_str(u.choose_iter(OTHERS)?);
            continue;
        }
        let document = u.choose_iter(DOCUMENTS)?;
        let mut tag = || -> Result<Option<&str>> {
            Ok(if u.arbitrary()? {
                Some(u.choose_iter(TAGS)?)
            } else {
                None
            })
        };
        let (new, previous) = (tag()?, tag()?);
        let child = u.choose_iter(CHILDREN)?;
        let attribute = |name: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!(" {name}='{value}'"))
        };
        text.push_str(&format!(
            "<document sel='{document}'{}{}>{child}</document>",
            attribute("new-etag", new),
            attribute("previous-etag", previous),
        ));
        let plain = |tag: &str| -> Box<str> {
            tag.replace("&quot;", "\"")
                .replace("&amp;", "&")
                .replace("&#9;", "\t")
                .into()
        };
        let (patched, same) = (
            child.contains("<add") || child.contains("<remove"),
            child == CHILDREN[1],
        );
        let fate = match (new, previous) {
            (Some(new), Some(previous)) if same => Fate::Retagged {
                previous: plain(previous),
                etag: plain(new),
            },
            (None, Some(previous)) if !patched && !same => Fate::Removed {
                previous: plain(previous),
            },
            (new, _) => Fate::Changed {
                etag: new.map(plain),
            },
        };
        expected.push(Change {
            document: document.into(),
            fate,
        });
    }
    text.push_str("</xcap-diff>");
    let diff =
        Diff::read(text.as_bytes()).unwrap_or_else(|error| panic!("not read: {error}\n{text}"));
    assert_eq!(diff.changes, expected, "{text}");
    let cut = u.int_in_range(0..=text.len() - 1)?;
    assert!(
        Diff::read(&text.as_bytes()[..cut]).is_err(),
        "{cut}\n{text}"
    );
    for one in &diff.changes {
        for other in &diff.changes {
            assert_eq!(
                one.is_of(&other.document),
                other.is_of(&one.document),
                "{one:?} {other:?}"
            );
        }
    }
    Ok(())
}
