//! Start tags: attributes, their uniqueness, namespace declarations (XML 1.0 §3.1; Namespaces in XML 1.0 §6).

use alloc::borrow::Cow;

use memchr::memchr3;

use super::chars::{ncname_len, space_len};
use super::error::{Error, Fault};
use super::namespaces::Namespace;
use super::reader::Reader;
use super::text::{Form, Text, check_references};

/// One attribute of the element whose start was read last. Declarations are among them, in [`Namespace::XMLNS`].
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// [`Namespace::NONE`] without prefix.
    pub namespace: Namespace,
    /// The name without prefix.
    pub local: &'a str,
    prefix: &'a str,
    value: Text<'a>,
}

impl<'a> Attribute<'a> {
    /// The value, decoded and normalised.
    pub fn value(&self) -> Cow<'a, str> {
        self.value.decoded()
    }
}

impl<'a> Reader<'a> {
    /// Reads from behind the name of a start tag to behind its `>`. True when the tag is empty (`/>`).
    #[inline]
    pub(super) fn read_attributes(&mut self) -> Result<bool, Error> {
        self.attributes.clear();
        let start = self.pos;
        if self.byte(start) == Some(b'>') {
            self.pos += 1;
            return Ok(false);
        }
        let empty = loop {
            let spaces = space_len(self.rest_bytes());
            self.pos += spaces;
            match self.byte(self.pos) {
                None => return Err(self.fault(Fault::UnexpectedEnd)),
                Some(b'>') => {
                    self.pos += 1;
                    break false;
                }
                Some(b'/') => {
                    if self.byte(self.pos + 1) != Some(b'>') {
                        return Err(self.fault(Fault::MalformedMarkup));
                    }
                    self.pos += 2;
                    break true;
                }
                Some(_) if spaces == 0 => return Err(self.fault(Fault::MalformedName)),
                Some(_) => self.read_attribute()?,
            }
        };
        self.resolve_attributes(start)?;
        Ok(empty)
    }

    fn read_attribute(&mut self) -> Result<(), Error> {
        if self.attributes.len() >= self.limits.attributes {
            return Err(self.fault(Fault::TooManyAttributes));
        }
        let (prefix, local) = self.read_qualified_name()?;
        self.pos += space_len(self.rest_bytes());
        if self.byte(self.pos) != Some(b'=') {
            return Err(self.fault(Fault::MalformedAttribute));
        }
        self.pos += 1;
        self.pos += space_len(self.rest_bytes());
        let Some(quote @ (b'"' | b'\'')) = self.byte(self.pos) else {
            return Err(self.fault(Fault::MalformedAttribute));
        };
        let start = self.pos + 1;
        let mut end = start;
        let mut references = false;
        loop {
            let rest = self.src.as_bytes().get(end..).unwrap_or_default();
            let Some(at) = memchr3(quote, b'<', b'&', rest) else {
                return Err(self.fault(Fault::UnexpectedEnd));
            };
            end += at;
            match self.byte(end) {
                Some(b'&') => {
                    references = true;
                    end += 1;
                }
                Some(b'<') => {
                    return Err(Error {
                        fault: Fault::AngleInAttribute,
                        offset: self.base + end,
                    });
                }
                _ => break,
            }
        }
        let raw = self.slice(start, end);
        if raw.len() > self.limits.text {
            return Err(self.fault(Fault::TextTooLong));
        }
        if references {
            check_references(raw, self.base + start)?;
        }
        let plain = !references && raw.bytes().all(|b| b >= b' ');
        let form = if plain { Form::Plain } else { Form::Attribute };
        self.attributes.push(Attribute {
            namespace: Namespace::NONE,
            local,
            prefix,
            value: Text::new(raw, form),
        });
        self.pos = end + 1;
        Ok(())
    }

    /// Takes the declarations first, then gives every attribute its namespace and checks that none is written twice.
    fn resolve_attributes(&mut self, start: usize) -> Result<(), Error> {
        let base = self.base;
        let fault = move |fault| Error {
            fault,
            offset: base + start,
        };
        let mut prefixed = false;
        for attribute in &mut self.attributes {
            match (attribute.prefix, attribute.local) {
                ("", "xmlns") => {
                    attribute.namespace = Namespace::XMLNS;
                    self.scope.declare_default(attribute.value())
                }
                ("xmlns", prefix) => {
                    attribute.namespace = Namespace::XMLNS;
                    self.scope.declare(prefix, attribute.value())
                }
                ("", _) => Ok(()),
                _ => {
                    prefixed = true;
                    Ok(())
                }
            }
            .map_err(fault)?;
        }
        if prefixed {
            for attribute in &mut self.attributes {
                if attribute.namespace == Namespace::NONE && !attribute.prefix.is_empty() {
                    attribute.namespace = self.scope.resolve(attribute.prefix).map_err(fault)?;
                }
            }
        }
        let mut rest = self.attributes.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if others
                .iter()
                .any(|other| other.local == first.local && other.namespace == first.namespace)
            {
                return Err(fault(Fault::DuplicateAttribute));
            }
            rest = others;
        }
        Ok(())
    }

    /// Reads a qualified name (Namespaces in XML 1.0 §4): prefix, empty when there is none, and local part.
    #[inline]
    pub(super) fn read_qualified_name(&mut self) -> Result<(&'a str, &'a str), Error> {
        let first = self.read_ncname()?;
        if self.byte(self.pos) != Some(b':') {
            return Ok(("", first));
        }
        self.pos += 1;
        let local = self.read_ncname()?;
        if self.byte(self.pos) == Some(b':') {
            return Err(self.fault(Fault::MalformedName));
        }
        Ok((first, local))
    }

    #[inline]
    fn read_ncname(&mut self) -> Result<&'a str, Error> {
        let rest = self.rest();
        let length = ncname_len(rest);
        if length == 0 {
            let end = rest.is_empty();
            return Err(self.fault(if end {
                Fault::UnexpectedEnd
            } else {
                Fault::MalformedName
            }));
        }
        self.pos += length;
        Ok(rest.get(..length).unwrap_or_default())
    }
}
