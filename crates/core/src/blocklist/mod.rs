//! Block lists and the verdict on a roster user (OMA-15…17).

mod class;
mod list;
mod mark;
pub mod plain;
pub mod rules;
mod source;
mod sources;

pub(crate) use class::Class;
pub use list::{BlockList, Entry, SourceState, Update};
pub use mark::{BlockedBy, Candidates, Mark, Via};
use sources::shown;
pub use sources::{BlockLists, Changed, SourceStatus};

#[cfg(test)]
mod tests;
