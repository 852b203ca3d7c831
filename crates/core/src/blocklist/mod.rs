//! Block lists and the verdict on a roster user (OMA-15…17).

mod list;

pub use list::{BlockList, Entry, SourceState, Update};
