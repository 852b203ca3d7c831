//! A pull reader for XML 1.0 in UTF-8 without DTD, with Namespaces in XML 1.0 (SEC-06, SEC-07, SEC-08).
//!
//! Non-validating but complete for what it accepts: every well-formedness and namespace rule of a document without
//! DTD is checked, so that nothing is shown from a body that another reader would refuse. Nothing is fetched, no
//! entity but the five predefined ones is known, and every size has a limit. Reading allocates nothing per element:
//! names and texts are borrowed from the body and decoded when asked for.
//!
//! ```
//! use rollmark_core::xml::{Event, Limits, Reader};
//!
//! let mut reader = Reader::new(b"<a x='1'>b &amp; c</a>", Limits::default())?;
//! let mut texts = String::new();
//! while let Some(event) = reader.read()? {
//!     if let Event::Text(text) = event {
//!         text.push_to(&mut texts);
//!     }
//! }
//! assert_eq!(texts, "b & c");
//! # Ok::<(), rollmark_core::xml::Error>(())
//! ```

mod chars;
mod content;
mod declaration;
mod error;
mod limits;
mod namespaces;
mod reader;
mod tag;
mod text;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod ways_tests;

pub use error::{Error, Fault};
pub use limits::Limits;
pub use namespaces::Namespace;
pub use reader::{Event, Name, Reader};
pub use tag::Attribute;
pub use text::Text;
