//! What XML forbids and the reader lets pass (XML 1.0, RFC 4825 §8.2.2).

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::tree::Flaw;

/// Where in the document the reader is.
#[derive(Default)]
pub(crate) struct Place {
    depth: usize,
    root_seen: bool,
    begun: bool,
}

impl Place {
    /// What the reader itself does not check.
    pub(crate) fn pass(&mut self, event: &Event<'_>, at: usize) -> Result<(), Flaw> {
        let flaw = |what| Flaw::NotWellFormed { what, at };
        let first = !std::mem::replace(&mut self.begun, true);
        let allowed = match event {
            Event::Start(element) => {
                let allowed = self.may_open() && tag_is_sound(element);
                self.depth += 1;
                self.root_seen = true;
                allowed
            }
            Event::Empty(element) => {
                let allowed = self.may_open() && tag_is_sound(element);
                self.root_seen = true;
                allowed
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                true
            }
            Event::Text(text) => {
                let text: &str = text;
                let blank = text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
                !text.contains("]]>") && (self.depth > 0 || blank)
            }
            Event::CData(_) => self.depth > 0,
            Event::GeneralRef(reference) => {
                let known = resolve_predefined_entity(reference).is_some();
                let character =
                    matches!(reference.resolve_char_ref(), Ok(Some(c)) if is_xml_char(c));
                self.depth > 0 && (known || character)
            }
            Event::Decl(declaration) => {
                match declaration.encoding() {
                    Some(Ok(name)) if !name.eq_ignore_ascii_case("UTF-8") => {
                        return Err(Flaw::Encoding);
                    }
                    Some(Err(_)) => return Err(flaw("a broken declaration")),
                    _ => {}
                }
                first
            }
            // No application usage needs one, and entities are best not expanded at all.
            Event::DocType(_) => false,
            Event::PI(_) | Event::Comment(_) | Event::Eof => true,
        };
        if allowed {
            Ok(())
        } else {
            Err(flaw("something that XML does not allow here"))
        }
    }

    /// Whether the root was opened and closed.
    pub(crate) fn is_complete(&self) -> bool {
        self.root_seen && self.depth == 0
    }

    fn may_open(&self) -> bool {
        self.depth > 0 || !self.root_seen
    }
}

fn tag_is_sound(element: &BytesStart<'_>) -> bool {
    is_name(element.name().as_ref())
        && element.attributes().all(|attribute| {
            attribute.is_ok_and(|attribute| {
                is_name(attribute.key.as_ref())
                    && !attribute.value.contains('<')
                    && attribute.normalized_value(XmlVersion::Explicit1_0).is_ok()
            })
        })
}

/// XML 1.0, production Name.
pub(crate) fn is_name(name: &str) -> bool {
    let start = |c: char| matches!(c, ':' | '_') || c.is_alphabetic();
    let later = |c: char| start(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '\u{B7}');
    name.starts_with(start) && name.chars().all(later)
}

/// XML 1.0, production Char.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use crate::conflict::Conflict;
    use crate::store::check_text;

    #[test]
    fn well_formed_documents_pass() {
        for body in [
            "<a/>",
            "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a>\n</a>\n",
            "<?xml version='1.0'?><!-- c --><a x='1' y='&lt;'>&amp;&#x41;<b><![CDATA[<]]></b>\u{E9}</a><!-- d -->",
            "<rl:a xmlns:rl='urn:x'/>",
        ] {
            assert!(check_text(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_xml_forbids_is_not_well_formed() {
        for body in [
            "",
            " ",
            "text",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>text",
            "<a x='1' x='2'/>",
            "<a x=1/>",
            "<a x='<'/>",
            "<a x='&nope;'/>",
            "<a>&nope;</a>",
            "<a>&#0;</a>",
            "<a>&</a>",
            "<a>]]></a>",
            "<a>\u{1}</a>",
            "<1a/>",
            "<a><!-- -- --></a>",
            "<a/><?xml version='1.0'?>",
            "<!DOCTYPE a><a/>",
        ] {
            let found = check_text(body.as_bytes());
            assert!(matches!(found, Err(Conflict::NotWellFormed(_))), "{body}");
        }
    }

    #[test]
    fn another_encoding_is_told_apart() {
        // RFC 4825 §8.2.2, §11.1
        assert!(matches!(check_text(b"<a>\xE9</a>"), Err(Conflict::NotUtf8)));
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>";
        assert!(matches!(check_text(latin), Err(Conflict::NotUtf8)));
    }
}
