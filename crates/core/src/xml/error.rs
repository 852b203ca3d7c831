//! Why a document was refused, and where.

use thiserror::Error;

/// A document that is refused: what is wrong, and at which byte of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{fault} (at byte {offset} of the document)")]
pub struct Error {
    /// What is wrong.
    pub fault: Fault,
    /// Offset from the first byte of the body, a byte order mark included.
    pub offset: usize,
}

/// What is wrong with a document. Clauses are those of XML 1.0 (fifth edition) or, marked NS, of Namespaces in XML 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Fault {
    /// `<` in an attribute value (§3.1).
    #[error("an attribute value holds `<`; it must be written `&lt;`")]
    AngleInAttribute,
    /// `<![CDATA[` outside the root element (§2.8).
    #[error("a CDATA section outside the root element")]
    CdataOutsideRoot,
    /// `]]>` in character data (§2.4).
    #[error("`]]>` in text; it must be written `]]&gt;`")]
    CdataEndInText,
    /// A document type declaration (SEC-06).
    #[error("a DOCTYPE: document type declarations are not read")]
    Doctype,
    /// `--` inside a comment (§2.5).
    #[error("`--` inside a comment")]
    DoubleHyphen,
    /// Two attributes of one expanded name (§3.1; NS §6.3).
    #[error("an attribute is written twice on one element")]
    DuplicateAttribute,
    /// `xmlns:p=""` (NS §2.2).
    #[error("a prefix is declared with an empty namespace name")]
    EmptyNamespace,
    /// A character that XML does not allow (§2.2).
    #[error("a character that XML 1.0 does not allow")]
    IllegalCharacter,
    /// A reference to a character that XML does not allow (§4.1).
    #[error("a reference to a character that XML 1.0 does not allow")]
    IllegalCharacterReference,
    /// An attribute that is not `name = "value"` (§3.1).
    #[error("an attribute that is not written name=\"value\"")]
    MalformedAttribute,
    /// An XML declaration that does not follow §2.8.
    #[error("a malformed XML declaration")]
    MalformedDeclaration,
    /// `<!` or a tag that is none of the known kinds of markup.
    #[error("markup that is neither tag, comment, CDATA section nor processing instruction")]
    MalformedMarkup,
    /// A name, or a qualified name (NS §4), that is none.
    #[error("a malformed name")]
    MalformedName,
    /// A processing instruction that does not follow §2.6.
    #[error("a malformed processing instruction")]
    MalformedProcessingInstruction,
    /// `&` that begins no reference (§4.1).
    #[error("`&` that begins no reference; it must be written `&amp;`")]
    MalformedReference,
    /// An end tag that closes another element than the open one (§3).
    #[error("an end tag does not match the open element")]
    MismatchedEndTag,
    /// `<?xml` anywhere but at the beginning (§2.6).
    #[error("an XML declaration that is not at the beginning")]
    MisplacedDeclaration,
    /// No root element (§2.1).
    #[error("no root element")]
    NoRoot,
    /// Bytes that are not UTF-8 (SEC-08).
    #[error("bytes that are not UTF-8")]
    NotUtf8,
    /// `xml` or `xmlns`, or their namespace names, declared otherwise than NS §3 says.
    #[error("the reserved prefix `xml` or `xmlns` is misused")]
    ReservedPrefix,
    /// A second root element (§2.1).
    #[error("a second root element")]
    SecondRoot,
    /// Character data outside the root element (§2.1).
    #[error("text outside the root element")]
    TextOutsideRoot,
    /// More than [`Limits::text`](super::Limits::text).
    #[error("a text or attribute value over the limit")]
    TextTooLong,
    /// More than [`Limits::depth`](super::Limits::depth).
    #[error("elements nested over the limit")]
    TooDeep,
    /// More than [`Limits::body`](super::Limits::body).
    #[error("a body over the limit")]
    TooLong,
    /// More than [`Limits::attributes`](super::Limits::attributes).
    #[error("an element with attributes over the limit")]
    TooManyAttributes,
    /// More than [`Limits::namespaces`](super::Limits::namespaces).
    #[error("namespaces over the limit")]
    TooManyNamespaces,
    /// A prefix without declaration (NS §5).
    #[error("a prefix that is not declared")]
    UnboundPrefix,
    /// The document ends inside markup or with elements open.
    #[error("the document ends too early")]
    UnexpectedEnd,
    /// An end tag with no element open.
    #[error("an end tag without a start tag")]
    UnexpectedEndTag,
    /// A reference to an entity other than the five predefined ones (§4.6).
    #[error("a reference to an unknown entity")]
    UnknownEntity,
    /// A declared encoding other than UTF-8 (SEC-08).
    #[error("a declared encoding other than UTF-8")]
    UnsupportedEncoding,
    /// A declared version other than 1.x (§2.8).
    #[error("a declared XML version other than 1.x")]
    UnsupportedVersion,
}
