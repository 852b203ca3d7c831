//! Namespace declarations in scope (Namespaces in XML 1.0).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::error::Fault;

/// The name that the prefix `xml` stands for.
const XML_NAME: &str = "http://www.w3.org/XML/1998/namespace";
/// The name that the prefix `xmlns` stands for.
const XMLNS_NAME: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace in one document: equal exactly when the names are equal. [`Reader::namespace_name`] gives the name.
///
/// [`Reader::namespace_name`]: super::Reader::namespace_name
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Namespace(u32);

impl Namespace {
    /// No namespace.
    pub const NONE: Self = Self(0);
    /// The namespace of the prefix `xml`.
    pub const XML: Self = Self(1);
    /// The namespace of declarations themselves (`xmlns`, `xmlns:p`).
    pub const XMLNS: Self = Self(2);
}

/// The declarations in scope, innermost last, and the names met so far.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    names: SmallVec<[Cow<'a, str>; 4]>,
    prefixes: Vec<(&'a str, Namespace)>,
    default: Namespace,
    limit: usize,
}

/// What to go back to when an element ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    default: Namespace,
    prefixes: usize,
}

impl<'a> Scope<'a> {
    pub(super) fn new(limit: usize) -> Self {
        let mut names = SmallVec::new();
        names.extend(["", XML_NAME, XMLNS_NAME].map(Cow::Borrowed));
        Self {
            names,
            prefixes: Vec::new(),
            default: Namespace::NONE,
            limit,
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            default: self.default,
            prefixes: self.prefixes.len(),
        }
    }

    pub(super) fn reset(&mut self, mark: Mark) {
        self.default = mark.default;
        self.prefixes.truncate(mark.prefixes);
    }

    /// The namespace of an element without prefix.
    pub(super) fn default(&self) -> Namespace {
        self.default
    }

    /// The namespace a prefix stands for.
    pub(super) fn resolve(&self, prefix: &str) -> Result<Namespace, Fault> {
        if let Some(&(_, namespace)) = self.prefixes.iter().rev().find(|(p, _)| *p == prefix) {
            return Ok(namespace);
        }
        match prefix {
            "xml" => Ok(Namespace::XML),
            "xmlns" => Err(Fault::ReservedPrefix),
            _ => Err(Fault::UnboundPrefix),
        }
    }

    /// `xmlns="name"`.
    pub(super) fn declare_default(&mut self, name: Cow<'a, str>) -> Result<(), Fault> {
        let namespace = self.intern(name)?;
        if namespace == Namespace::XML || namespace == Namespace::XMLNS {
            return Err(Fault::ReservedPrefix);
        }
        self.default = namespace;
        Ok(())
    }

    /// `xmlns:prefix="name"`.
    pub(super) fn declare(&mut self, prefix: &'a str, name: Cow<'a, str>) -> Result<(), Fault> {
        let namespace = self.intern(name)?;
        match (prefix, namespace) {
            ("xml", Namespace::XML) => return Ok(()),
            ("xml" | "xmlns", _) | (_, Namespace::XML | Namespace::XMLNS) => {
                return Err(Fault::ReservedPrefix);
            }
            (_, Namespace::NONE) => return Err(Fault::EmptyNamespace),
            _ => {}
        }
        if self.prefixes.len() >= self.limit {
            return Err(Fault::TooManyNamespaces);
        }
        self.prefixes.push((prefix, namespace));
        Ok(())
    }

    pub(super) fn intern(&mut self, name: Cow<'a, str>) -> Result<Namespace, Fault> {
        let at = match self.names.iter().position(|known| *known == name) {
            Some(at) => at,
            // The three names that are always there do not count.
            None if self.names.len() >= self.limit.saturating_add(3) => {
                return Err(Fault::TooManyNamespaces);
            }
            None => {
                self.names.push(name);
                self.names.len() - 1
            }
        };
        u32::try_from(at)
            .map(Namespace)
            .map_err(|_| Fault::TooManyNamespaces)
    }

    pub(super) fn name(&self, namespace: Namespace) -> &str {
        usize::try_from(namespace.0)
            .ok()
            .and_then(|at| self.names.get(at))
            .map_or("", |name| name)
    }
}
