//! Tolerant readers of raw SIP header values (RFC 3261 §7.3.1, §20 and §25.1).
//!
//! Every reader takes the text of [`crate::message::Header::value`] and answers `None` where the value has no meaning;
//! none fails otherwise, none panics, all take time linear in the text. A folded line end counts as a blank.

mod address;
mod dialog;
mod event;
mod lex;
mod media;
pub mod multipart;
mod rate;
mod security;
mod subscription_state;
mod time;
mod token;

pub use address::{Address, addresses, contacts, split_list};
pub use dialog::{cseq, tag};
pub use event::Event;
pub use media::MediaType;
pub use rate::Rate;
pub use security::{Mechanism, mechanisms};
pub use subscription_state::{Reason, SubscriptionState, Substate};
pub use time::{delta_seconds, retry_after};
pub use token::{call_id, entity_tag, is_encoded, lists, tokens};

/// Parameters in the order written: name as written, value without quotes and escapes; none for a name alone.
pub type Params = alloc::vec::Vec<(alloc::string::String, Option<alloc::string::String>)>;

#[cfg(test)]
mod multipart_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture_tests;
