//! rollmark: who is in an IM conference, live, and which of them the user has blocked.
//!
//! This is the plugin for a tokio host: a driver that owns the I/O-free engine of `rollmark-core`, cheap handles, and a
//! stream of events for each conference that begins with a full roster. A SIP stack is connected through a [`Port`];
//! `rollmark-ezk` does that for ezk-sip-core. Block lists come in as values from any [`BlockListSource`].
//!
//! ```
//! # async fn example() {
//! use rollmark::{Account, Capabilities, Conferences, What};
//!
//! let (conferences, port) = Conferences::start(Capabilities::TRANSACTION, Account::new("sip:alice@example.org"));
//! # drop(port);
//! // An adapter takes `port`; then:
//! let mut conference = conferences.subscribe("sip:meeting@example.org").await.unwrap();
//! while let Some(event) = conference.next().await {
//!     if let What::Blocked(row) = event.what {
//!         println!("{} is here, and you have blocked him", row.user.entity());
//!     }
//! }
//! # }
//! ```
//!
//! A host that has IM sessions reports them, and the plugin subscribes by itself (OMA SIMPLE IM; [`Session`]):
//!
//! ```
//! # async fn example(conferences: rollmark::Conferences, answer: rollmark::core::message::Response) {
//! use rollmark::{Session, core::session::Role};
//!
//! // The INVITE was answered with this 2xx.
//! if let Some(session) = Session::met(Role::ClientOriginated, &answer.headers)
//!     && let Ok(Some(mut conference)) = conferences.session_started(session).await
//! {
//!     while let Some(event) = conference.next().await {
//!         println!("{:?}", event.what);
//!     }
//!     // When the BYE was sent or has come, meanwhile: conference.session_ended()
//! }
//! # }
//! ```
//!
//! With feature `metrics` what happens is measured, for whatever exporter the host has: `docs/metrics.md` has the table, and how an
//! exporter is hooked in. What is logged goes through `tracing`, and names nobody.

mod conferences;
mod contact;
mod documents;
mod driver;
mod messages;
#[cfg_attr(not(feature = "metrics"), path = "no_meter.rs")]
mod meter;
#[cfg(feature = "metrics")]
pub mod metrics;
mod port;
pub mod record;
mod redact;
mod session;
mod source;

pub use conferences::{Conference, Conferences, Event, SubscribeError};
pub use contact::{local_ip_towards, name_contact};
pub use documents::{DocumentNews, Documents};
pub use messages::{Message, Passed};
pub use port::{Answering, Offered, Port, Reporter};
pub use redact::Redacted;
pub use session::Session;
pub use source::BlockListSource;

pub use rollmark_core as core;
pub use rollmark_core::account::AccountSettings as Account;
pub use rollmark_core::blocklist::{BlockList, Entry, Mark, SourceState, Update};
pub use rollmark_core::engine::{State, What};
pub use rollmark_core::host::{Capabilities, Flow, Trouble};
pub use rollmark_core::profile::{Auto, Ims, Plain, Profile, Registration};
pub use rollmark_core::roster::Row;
pub use rollmark_core::session::Role;
