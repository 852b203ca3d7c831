//! Block-list files: plain lines or an XDM document, told apart by their content.

use rollmark_core::blocklist::{BlockList, Entry};

use crate::document::{DocumentError, MAX_DOCUMENT};
use crate::resource_lists;
use crate::rules::{self, RulesError};

/// Why a block-list file cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FileError {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the block list is larger than {MAX_DOCUMENT} octets")]
    TooLarge,
    /// A line that is not UTF-8.
    #[error("line {line} of the block list is not UTF-8: save the file as UTF-8")]
    NotUtf8 {
        /// The line, counted from 1.
        line: usize,
    },
    /// XML that cannot be read.
    #[error(transparent)]
    Document(DocumentError),
    /// Rules that cannot be read.
    #[error(transparent)]
    Rules(RulesError),
    /// XML of a kind that no block list is read from.
    #[error(
        "no block list can be read from a document with root element {root:?}: give plain lines, resource-lists or common-policy rules"
    )]
    UnsupportedDocument {
        /// `{namespace}name` of the root element.
        root: String,
    },
}

/// Reads a block-list file.
///
/// A file whose first character is `<` is XML: a resource-lists document, read as [`resource_lists::parse`]
/// says, or rules, read as [`rules::parse`] says. Any other is plain lines: UTF-8, one URI a line; blanks at both ends,
/// CR, empty lines and lines that begin with `#` are passed over. An empty file is an empty list.
pub fn parse(octets: &[u8], own_xui: Option<&str>) -> Result<BlockList, FileError> {
    parse_with(octets, &resource_lists::own(own_xui))
}

/// The same, with a resource-lists document read in another way than by default.
pub fn parse_with(
    octets: &[u8],
    options: &resource_lists::Options,
) -> Result<BlockList, FileError> {
    if octets.len() > MAX_DOCUMENT {
        return Err(FileError::TooLarge);
    }
    if is_utf16(octets) {
        return parse_rules(octets);
    }
    if is_xml(octets) {
        return match resource_lists::parse_with(octets, options) {
            Err(DocumentError::Root { .. }) => parse_rules(octets),
            list => list.map_err(FileError::Document),
        };
    }
    let bare = bare(octets);
    let text = std::str::from_utf8(bare).map_err(|error| FileError::NotUtf8 {
        line: 1 + bare
            .iter()
            .take(error.valid_up_to())
            .filter(|&&octet| octet == b'\n')
            .count(),
    })?;
    let lines = text.lines().map(str::trim);
    Ok(BlockList {
        entries: lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Entry {
                uri: line.into(),
                list: None,
                rule: None,
            })
            .collect(),
        complete: true,
        rules: None,
    })
}

fn parse_rules(octets: &[u8]) -> Result<BlockList, FileError> {
    match rules::parse(octets) {
        Ok(set) => Ok(rules::block_list(set)),
        Err(RulesError::Document(DocumentError::Root { found, .. })) => {
            Err(FileError::UnsupportedDocument { root: found })
        }
        Err(error) => Err(FileError::Rules(error)),
    }
}

/// True for what is XML and not plain lines.
pub(crate) fn is_xml(octets: &[u8]) -> bool {
    is_utf16(octets) || bare(octets).trim_ascii_start().starts_with(b"<")
}

/// The octets behind a byte order mark.
fn bare(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets)
}

/// True for octets that begin with a byte order mark of UTF-16: a policy may, plain lines may not (SEC-08).
fn is_utf16(octets: &[u8]) -> bool {
    octets.starts_with(b"\xff\xfe") || octets.starts_with(b"\xfe\xff")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(octets: &[u8]) -> Vec<String> {
        let list = parse(octets, None).unwrap();
        assert!(list.complete);
        list.entries
            .iter()
            .map(|entry| entry.uri.to_string())
            .collect()
    }

    #[test]
    fn plain_lines_are_uris_but_for_blanks_and_comments() {
        assert_eq!(
            uris(b"\xef\xbb\xbf# blocked\r\n\r\n  sip:bob@x.example\t\r\ntel:+15550100\n\n#sip:no@x\nsip:z#o@x"),
            ["sip:bob@x.example", "tel:+15550100", "sip:z#o@x"]
        );
        for empty in [&b""[..], b"\n", b"# nobody\n", b"\xef\xbb\xbf"] {
            assert_eq!(uris(empty), [""; 0]);
        }
    }

    #[test]
    fn xml_is_recognised_behind_blanks_and_a_byte_order_mark() {
        let xml = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>\
                   <list name='oma_blockedcontacts'><entry uri='sip:bob@x'/></list></resource-lists>";
        for before in ["", "\u{feff}", "\n  "] {
            assert_eq!(uris(format!("{before}{xml}").as_bytes()), ["sip:bob@x"]);
        }
    }

    /// XDM-68: rules are a list of their own kind, whole unless they refer to lists elsewhere (XDM-52).
    #[test]
    fn rules_are_recognised_by_their_root() {
        let ruleset = |rules: &str| {
            format!(
                "<cr:ruleset xmlns:cr='{}' xmlns:ocp='{}'>{rules}</cr:ruleset>",
                rules::NAMESPACE,
                rules::OMA_COMMON_POLICY
            )
        };
        let external = "<cr:rule id='a'><cr:conditions><ocp:external-list><ocp:entry anc='x'/></ocp:external-list>\
                        </cr:conditions></cr:rule>";
        let utf16 = |text: &str| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_be_bytes).collect()
        };
        for (text, count, complete) in [
            (ruleset(""), 0, true),
            (ruleset("<cr:rule id='a'/>"), 1, true),
            (ruleset(external), 1, false),
        ] {
            for octets in [text.clone().into_bytes(), utf16(&text)] {
                let list = parse(&octets, None).unwrap();
                let set = list.rules.expect("rules");
                assert_eq!((set.rules.len(), set.is_complete()), (count, complete));
                assert!(list.entries.is_empty() && list.complete);
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        let other = br#"<c:conference xmlns:c="urn:x"/>"#;
        let error = parse(other, None).unwrap_err();
        assert!(
            matches!(&error, FileError::UnsupportedDocument { root } if root == "{urn:x}conference"),
            "{error}"
        );
        let error = parse(b"\xff\xfea\0", None).unwrap_err();
        assert!(matches!(error, FileError::Rules(_)), "{error}");
        let error = parse(b"sip:a@x\nsip:b@x\n\xff\n", None).unwrap_err();
        assert!(matches!(error, FileError::NotUtf8 { line: 3 }), "{error}");
        let error = parse(b"<resource-lists>", None).unwrap_err();
        assert!(matches!(error, FileError::Document(_)), "{error}");
        let error = parse(&vec![b'\n'; MAX_DOCUMENT + 1], None).unwrap_err();
        assert!(matches!(error, FileError::TooLarge), "{error}");
        assert_eq!(uris(&vec![b'\n'; MAX_DOCUMENT]), [""; 0]);
    }
}
