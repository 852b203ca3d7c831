//! Documents for the XML reader: mostly well-formed, in every construct that the reader knows, then damaged.

use arbitrary::{Result, Unstructured};

/// Names, some of which are none, some reserved.
const NAMES: [&str; 16] = [
    "a", "b", "user", "users", "_x", "p:a", "q:b", "xml:lang", "é", "a.b-c", "a·", "xmlns:a", "1a",
    "a:b:c", ":a", "Xml",
];
const ATTRIBUTES: [&str; 12] = [
    "a",
    "b",
    "p:a",
    "q:a",
    "xml:space",
    "é",
    "xmlns",
    "xmlns:p",
    "xmlns:q",
    "xmlns:xml",
    "xmlns:xmlns",
    "a",
];
const NAMESPACES: [&str; 7] = [
    "urn:a",
    "urn:b",
    "",
    "urn:ietf:params:xml:ns:conference-info",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
    "urn:&#97;",
];
const TEXTS: [&str; 28] = [
    "t",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "&amp;",
    "&lt;",
    "&gt;",
    "&quot;",
    "&apos;",
    "&#65;",
    "&#x41;",
    "&#0;",
    "&#xD800;",
    "&#x10FFFF;",
    "&#00000000000000065;",
    "&#99999999999;",
    "&nbsp;",
    "&",
    "]]",
    ">",
    "]]>",
    "\"",
    "'",
    "\u{85}\u{2028}",
    "😀",
    "\u{FFFE}",
];
const OUTSIDE: [&str; 16] = [
    "<!-- c -->",
    "<!--a--b-->",
    "<!---->",
    "<!--->",
    "<!--a--->",
    "<?pi?>",
    "<?pi data?>",
    "<?pi?data?>",
    "<?xml version='1.0'?>",
    "<?XML x?>",
    "<?p:q x?>",
    "<!DOCTYPE a>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    " ",
    "\u{FEFF}",
    "<?xml-stylesheet a?>",
];
const DECLARATIONS: [&str; 14] = [
    "",
    "",
    "<?xml version='1.0'?>",
    "<?xml version=\"1.0\" encoding='UTF-8' standalone=\"yes\" ?>",
    "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>",
    " \r\n<?xml version='1.7'?>",
    "<?xml version='2.0'?>",
    "<?xml version='1.0' encoding='ISO-8859-1'?>",
    "<?xml encoding='UTF-8'?>",
    "<?xml\tversion\n=\r'1.0'?>",
    "<?xml version='1.0'standalone='no'?>",
    "<?xml version='1.0' standalone='maybe'?>",
    "<?xml version='1.0' standalone='no' encoding='UTF-8'?>",
    "<?xml?>",
];

/// One document.
///
/// # Errors
/// Never in practice: choices that have run out count as zero.
pub(super) fn document(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = String::from(*u.choose(&DECLARATIONS)?);
    if u.ratio(1, 6)? {
        out.push_str(u.choose(&OUTSIDE)?);
    }
    element(u, &mut out, 0)?;
    if u.ratio(1, 6)? {
        out.push_str(u.choose(&OUTSIDE)?);
    }
    let mut out = out.into_bytes();
    if u.ratio(1, 3)? {
        damage(u, &mut out)?;
    }
    Ok(out)
}

/// Names that are sound are chosen most of the time.
fn name(u: &mut Unstructured<'_>) -> Result<&'static str> {
    let sound = u.ratio(15, 16)?;
    Ok(*u.choose(if sound { &NAMES[..7] } else { &NAMES })?)
}

fn element(u: &mut Unstructured<'_>, out: &mut String, depth: usize) -> Result<()> {
    let name = name(u)?;
    out.push('<');
    out.push_str(name);
    if depth == 0 && !u.ratio(1, 8)? {
        out.push_str(" xmlns:p='urn:a' xmlns:q='urn:b'");
    }
    for _ in 0..u.int_in_range(0..=3)? {
        attribute(u, out)?;
    }
    out.push_str(u.choose(&["", "", " ", "\n"])?);
    if u.ratio(1, 4)? {
        out.push_str("/>");
        return Ok(());
    }
    out.push('>');
    for _ in 0..u.int_in_range(0..=4)? {
        match u.int_in_range(0..=7)? {
            0..=2 if depth < 70 => element(u, out, depth + 1)?,
            3 => out.push_str(u.choose(&OUTSIDE)?),
            4 => {
                out.push_str("<![CDATA[");
                out.push_str(u.choose(&TEXTS)?);
                out.push_str("]]>");
            }
            _ => out.push_str(u.choose(&TEXTS)?),
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push_str(u.choose(&["", "", " ", "\r\n"])?);
    out.push('>');
    Ok(())
}

fn attribute(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    let name = *u.choose(&ATTRIBUTES)?;
    out.push_str(u.choose(&[" ", " ", "\n\t", ""])?);
    out.push_str(name);
    out.push_str(u.choose(&["=", "=", " = "])?);
    let quote = *u.choose(&['"', '\''])?;
    out.push(quote);
    if name.starts_with("xmlns") {
        out.push_str(u.choose(&NAMESPACES)?);
    } else {
        for _ in 0..u.int_in_range(0..=2)? {
            out.push_str(u.choose(&TEXTS)?);
        }
    }
    out.push(quote);
    Ok(())
}

/// A few bytes replaced, removed, doubled, or the end cut off.
pub(super) fn damage(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=3)? {
        let at = u.choose_index(out.len().max(1))?;
        match u.int_in_range(0..=4)? {
            0 if at < out.len() => out[at] = u.arbitrary()?,
            1 if at < out.len() => out[at] = *u.choose(b"<>&;'\"/=?!-[] :")?,
            2 if at < out.len() => {
                out.remove(at);
            }
            3 => out.insert(at, *u.choose(b"<>&;'\"/=?!-[] :\0\xEF")?),
            _ => out.truncate(at),
        }
    }
    Ok(())
}
