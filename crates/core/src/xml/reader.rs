//! The pull reader: one event after another, each checked before it is handed out.

use alloc::vec::Vec;

use memchr::memchr;

use super::chars::{ascii_ncname_len, first_illegal, space_len};
use super::declaration;
use super::error::{Error, Fault};
use super::limits::Limits;
use super::namespaces::{Mark, Namespace, Scope};
use super::tag::Attribute;
use super::text::Text;

/// What comes next in a document. Comments and processing instructions are checked and passed over.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// An element begins; [`Reader::attributes`] are its attributes until the next call of [`Reader::read`].
    Start(Name<'a>),
    /// Character data. The text of an element may come in several pieces.
    Text(Text<'a>),
    /// The innermost open element ends.
    End,
}

/// The expanded name of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The namespace, by prefix or default declaration.
    pub namespace: Namespace,
    /// The name without prefix.
    pub local: &'a str,
}

/// An element that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open<'a> {
    /// As written, prefix included: what the end tag has to repeat.
    pub(super) name: &'a str,
    mark: Mark,
}

/// Reads one document from its first byte to its last. After an error it gives that error again.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) src: &'a str,
    pub(super) pos: usize,
    /// Where the start tag read last begins.
    tag_start: usize,
    /// Bytes before `src`: the byte order mark.
    pub(super) base: usize,
    pub(super) limits: Limits,
    pub(super) scope: Scope<'a>,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) open: Vec<Open<'a>>,
    /// An empty-element tag was read; its end is the next event.
    pub(super) pending_end: bool,
    root_seen: bool,
    /// There is a carriage return somewhere, so line ends have to be looked at.
    pub(super) carriage_returns: bool,
    /// Bytes of character data since the last tag.
    pub(super) run: usize,
    pub(super) failed: Option<Error>,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `body`, behind a byte order mark, white space and the XML declaration.
    ///
    /// # Errors
    /// The body is over [`Limits::body`], is not UTF-8, holds a character that XML does not allow, or begins with a
    /// declaration that is malformed or names another version or encoding.
    pub fn new(body: &'a [u8], limits: Limits) -> Result<Self, Error> {
        if body.len() > limits.body {
            return Err(Error {
                fault: Fault::TooLong,
                offset: limits.body,
            });
        }
        let text = core::str::from_utf8(body).map_err(|error| Error {
            fault: Fault::NotUtf8,
            offset: error.valid_up_to(),
        })?;
        if let Some(offset) = first_illegal(text) {
            return Err(Error {
                fault: Fault::IllegalCharacter,
                offset,
            });
        }
        let src = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let base = text.len() - src.len();
        // White space before the declaration is not XML, but servers send it; it harms nobody.
        let mut pos = space_len(src.as_bytes());
        let declaration =
            declaration::read(src.get(pos..).unwrap_or_default()).map_err(|(fault, at)| Error {
                fault,
                offset: base + pos + at,
            })?;
        pos += declaration.unwrap_or(0);
        Ok(Self {
            src,
            pos,
            tag_start: pos,
            base,
            limits,
            scope: Scope::new(limits.namespaces),
            attributes: Vec::with_capacity(8),
            open: Vec::with_capacity(16),
            pending_end: false,
            root_seen: false,
            carriage_returns: memchr(b'\r', src.as_bytes()).is_some(),
            run: 0,
            failed: None,
        })
    }

    /// The handle that `name` has in this document wherever it is declared.
    ///
    /// # Errors
    /// [`Fault::TooManyNamespaces`] when [`Limits::namespaces`] are known already.
    pub fn namespace(&mut self, name: &'a str) -> Result<Namespace, Error> {
        self.scope
            .intern(name.into())
            .map_err(|fault| self.fault(fault))
    }

    /// The name of a namespace; empty for [`Namespace::NONE`].
    pub fn namespace_name(&self, namespace: Namespace) -> &str {
        self.scope.name(namespace)
    }

    /// The attributes of the element whose start was read last, in document order.
    pub fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.src.len() - self.pos
    }

    /// The next event; `None` behind the end of a complete document.
    ///
    /// # Errors
    /// The first fault met, with its place. Nothing can be read after it.
    pub fn read(&mut self) -> Result<Option<Event<'a>>, Error> {
        self.read_event::<true>()
    }

    /// The next event that is not [`Event::Text`]: character data is checked and passed over.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_markup(&mut self) -> Result<Option<Event<'a>>, Error> {
        self.read_event::<false>()
    }

    /// Passes over the rest of the innermost open element, its end included.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn skip(&mut self) -> Result<(), Error> {
        let mut depth = 0_usize;
        loop {
            match self.read_markup()? {
                Some(Event::Start(_)) => depth += 1,
                Some(Event::End) if depth == 0 => return Ok(()),
                Some(Event::End) => depth -= 1,
                Some(Event::Text(_)) => {}
                None => return Ok(()),
            }
        }
    }

    /// As [`Reader::skip`]; gives the element as it stands in the document, from its start tag to its end tag.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn skip_raw(&mut self) -> Result<&'a str, Error> {
        let start = self.tag_start;
        self.skip()?;
        Ok(self.slice(start, self.pos))
    }

    fn read_event<const TEXTS: bool>(&mut self) -> Result<Option<Event<'a>>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.next_event::<TEXTS>();
        if let Err(error) = result {
            self.failed = Some(error);
        }
        result
    }

    #[inline]
    fn next_event<const TEXTS: bool>(&mut self) -> Result<Option<Event<'a>>, Error> {
        if self.pending_end {
            self.pending_end = false;
            return self.close().map(Some);
        }
        loop {
            let Some(first) = self.byte(self.pos) else {
                return match (self.open.is_empty(), self.root_seen) {
                    (true, true) => Ok(None),
                    (true, false) => Err(self.fault(Fault::NoRoot)),
                    (false, _) => Err(self.fault(Fault::UnexpectedEnd)),
                };
            };
            if first != b'<' {
                if !TEXTS && self.pass_indentation() {
                    continue;
                }
                match self.read_text()? {
                    Some(text) if TEXTS => return Ok(Some(Event::Text(text))),
                    _ => continue,
                }
            }
            match self.byte(self.pos + 1) {
                Some(b'/') => return self.read_end().map(Some),
                Some(b'!') => {
                    if let Some(text) = self.read_bang()?
                        && TEXTS
                    {
                        return Ok(Some(Event::Text(text)));
                    }
                }
                Some(b'?') => self.read_processing_instruction()?,
                _ => return self.read_start().map(Some),
            }
        }
    }

    #[inline]
    fn read_start(&mut self) -> Result<Event<'a>, Error> {
        if self.open.is_empty() && self.root_seen {
            return Err(self.fault(Fault::SecondRoot));
        }
        if self.open.len() >= self.limits.depth {
            return Err(self.fault(Fault::TooDeep));
        }
        self.root_seen = true;
        self.run = 0;
        self.tag_start = self.pos;
        let start = self.pos + 1;
        self.pos = start;
        let rest = self.rest_bytes();
        let length = ascii_ncname_len(rest);
        if length > 0 && rest.get(length) == Some(&b'>') {
            // Neither prefix nor attributes, as in most tags.
            let local = self.slice(start, start + length);
            self.attributes.clear();
            self.pos = start + length + 1;
            self.open.push(Open {
                name: local,
                mark: self.scope.mark(),
            });
            let namespace = self.scope.default();
            return Ok(Event::Start(Name { namespace, local }));
        }
        let (prefix, local) = self.read_qualified_name()?;
        let name = self.slice(start, self.pos);
        let mark = self.scope.mark();
        self.pending_end = self.read_attributes()?;
        let namespace = if prefix.is_empty() {
            self.scope.default()
        } else {
            self.scope.resolve(prefix).map_err(|fault| Error {
                fault,
                offset: self.base + start,
            })?
        };
        self.open.push(Open { name, mark });
        Ok(Event::Start(Name { namespace, local }))
    }

    #[inline]
    fn read_end(&mut self) -> Result<Event<'a>, Error> {
        let Some(open) = self.open.last() else {
            return Err(self.fault(Fault::UnexpectedEndTag));
        };
        let rest = self.src.as_bytes().get(self.pos + 2..).unwrap_or_default();
        let Some(after) = rest.strip_prefix(open.name.as_bytes()) else {
            return Err(self.fault(Fault::MismatchedEndTag));
        };
        let spaces = space_len(after);
        match after.get(spaces) {
            Some(b'>') => {}
            Some(_) => return Err(self.fault(Fault::MismatchedEndTag)),
            None => return Err(self.fault(Fault::UnexpectedEnd)),
        }
        self.pos += 2 + open.name.len() + spaces + 1;
        self.close()
    }

    #[inline]
    pub(super) fn close(&mut self) -> Result<Event<'a>, Error> {
        let open = self
            .open
            .pop()
            .ok_or_else(|| self.fault(Fault::UnexpectedEndTag))?;
        self.scope.reset(open.mark);
        self.run = 0;
        Ok(Event::End)
    }

    #[inline]
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.src.as_bytes().get(at).copied()
    }

    #[inline]
    pub(super) fn rest_bytes(&self) -> &'a [u8] {
        self.src.as_bytes().get(self.pos..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a str {
        self.src.get(self.pos..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.src.get(from..to).unwrap_or_default()
    }

    /// A fault at the current place.
    #[cold]
    pub(super) fn fault(&self, fault: Fault) -> Error {
        Error {
            fault,
            offset: self.base + self.pos,
        }
    }
}
