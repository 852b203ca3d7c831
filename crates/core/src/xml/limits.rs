//! How much of a document is read before it is refused (SEC-07).

/// Upper bounds on one document. What exceeds one is refused with a fault of its own, never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole body.
    pub body: usize,
    /// Elements open at once, the root included.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Bytes, as written, of one attribute value or of the character data between two tags.
    pub text: usize,
    /// Distinct namespace names in a document, and prefix declarations in scope at once.
    pub namespaces: usize,
}

impl Limits {
    /// Bytes of a body: 4 MiB.
    pub const BODY: usize = 4 * 1024 * 1024;
    /// Elements open at once.
    pub const DEPTH: usize = 64;
    /// Attributes of one element.
    pub const ATTRIBUTES: usize = 64;
    /// Bytes of one text: 64 KiB.
    pub const TEXT: usize = 64 * 1024;
    /// Distinct namespace names.
    pub const NAMESPACES: usize = 256;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: Self::BODY,
            depth: Self::DEPTH,
            attributes: Self::ATTRIBUTES,
            text: Self::TEXT,
            namespaces: Self::NAMESPACES,
        }
    }
}
