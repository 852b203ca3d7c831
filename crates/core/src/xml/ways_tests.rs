//! A document is the same by whichever calls it is read: event by event, without texts, or plain texts at once.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// What was read: tags, and the texts between two tags in one piece.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Start(String),
    Text(String),
    End,
}

const LIMITS: Limits = Limits {
    body: 1_000,
    depth: 5,
    attributes: 3,
    text: 20,
    namespaces: 4,
};

/// Event by event.
fn by_events(body: &str) -> Result<Vec<Seen>, Error> {
    let mut reader = Reader::new(body.as_bytes(), LIMITS)?;
    let mut seen: Vec<Seen> = Vec::new();
    while let Some(event) = reader.read()? {
        match (event, seen.last_mut()) {
            (Event::Start(name), _) => seen.push(Seen::Start(name.local.to_string())),
            (Event::End, _) => seen.push(Seen::End),
            (Event::Text(piece), Some(Seen::Text(text))) => piece.push_to(text),
            (Event::Text(piece), _) => seen.push(Seen::Text(piece.decoded().into_owned())),
        }
    }
    Ok(seen)
}

/// Without texts, but those that are plain where `plain` says so.
fn by_tags(body: &str, plain: &[bool]) -> Result<Vec<Seen>, Error> {
    let mut reader = Reader::new(body.as_bytes(), LIMITS)?;
    let mut seen = Vec::new();
    let mut plain = plain.iter().cycle();
    while let Some(event) = reader.read_markup()? {
        match event {
            Event::Start(name) => {
                seen.push(Seen::Start(name.local.to_string()));
                if plain.next().copied().unwrap_or(false)
                    && let Some(text) = reader.read_plain()
                {
                    seen.push(Seen::Text(text.to_string()));
                    seen.push(Seen::End);
                }
            }
            Event::End => seen.push(Seen::End),
            Event::Text(_) => panic!("texts are passed over"),
        }
    }
    Ok(seen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_document_is_the_same_by_whichever_calls_it_is_read(
        pieces in prop::collection::vec(prop::sample::select(alloc::vec![
            "<a>", "</a>", "<b>", "</b>", "<a>", "</a >", "<b x='1'>", "<p:c xmlns:p='u'>", "</p:c>", "<d/>",
            "text", "\n  ", " ", "&amp;", "]]>", ">", "\r\n", "é", "<!-- c -->", "<![CDATA[<]]>", "<?p?>",
            "0123456789", "&", "<", "<a", "</a", "</ab>",
        ]), 0..14),
        wrap: bool,
        plain in prop::collection::vec(any::<bool>(), 1..5),
    ) {
        let inner = pieces.concat();
        let body = if wrap { ["<r>", &inner, "</r>"].concat() } else { inner };
        match (by_events(&body), by_tags(&body, &plain)) {
            (Err(a), Err(b)) => prop_assert_eq!(a, b),
            (Ok(all), Ok(tags)) => {
                let mut all = all.into_iter().peekable();
                for tag in tags {
                    match &tag {
                        // An empty text gives no event.
                        Seen::Text(text) if text.is_empty() => continue,
                        Seen::Text(_) => {}
                        _ => while all.next_if(|seen| matches!(seen, Seen::Text(_))).is_some() {},
                    }
                    prop_assert_eq!(Some(tag), all.next());
                }
                prop_assert_eq!(all.next(), None);
            }
            (a, b) => prop_assert!(false, "{:?} but {:?}", a, b),
        }
    }
}
