//! rollmark for SIP stacks that speak rsip messages, on tokio.
//!
//! - [`convert`]: rollmark's neutral messages as rsip's and back. A stack with transactions of its own needs only this
//!   and a [`rollmark::Port`].
//! - [`Host`]: transactions by RFC 3261 §17 for a stack that has none. It sends through a [`Wire`] of the stack's and is
//!   given what the stack receives.
//! - [`Udp`]: a wire that is ready, over one UDP socket; `examples/watch.rs` is a whole softphone on it.
//! - [`read`]: bytes as an rsip message, also those that rsip's own parser refuses.
//!
//! ```no_run
//! use rollmark::{Account, What};
//! use rollmark_rsip::{Flow, Host, Wire};
//!
//! /// The stack's own way to send.
//! struct Stack;
//!
//! impl Wire for Stack {
//!     async fn route(&self, next_hop: &str, length: usize) -> std::io::Result<Flow> {
//!         // Resolve this URI; over 1300 bytes do not use UDP.
//! #       let _ = (next_hop, length);
//!         Ok(Flow {
//!             transport: rsip::Transport::Tcp,
//!             local: "192.0.2.1:5060".parse().unwrap(),
//!             remote: "192.0.2.2:5060".parse().unwrap(),
//!         })
//!     }
//!
//!     async fn send(&self, message: &rsip::SipMessage, flow: Flow) -> std::io::Result<()> {
//!         let bytes = rollmark_rsip::bytes(message);
//! #       let _ = (bytes, flow);
//!         Ok(())
//!     }
//! }
//!
//! # async fn softphone(mut received: tokio::sync::mpsc::Receiver<(rsip::SipMessage, Flow)>) -> Result<(), Box<dyn std::error::Error>> {
//! let (host, conferences) = Host::start(Account::new("sip:alice@example.org"), Stack);
//! tokio::spawn(async move {
//!     while let Some((message, flow)) = received.recv().await {
//!         if let Some(_message) = host.receive(message, flow).await {
//!             // Not the plugin's: the softphone's own business.
//!         }
//!     }
//! });
//! let mut conference = conferences.subscribe("sip:meeting@example.org").await?;
//! while let Some(event) = conference.next().await {
//!     if let What::Joined(row) = event.what {
//!         println!("{} joined", row.user.entity());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What rsip 0.4 cannot do, and what follows
//! rsip has had no release since 2022. Header values go through it as text, so that what it cannot read is lost to its
//! own accessors only, never to rollmark.
//!
//! | limit | with [`read`] and [`convert`] |
//! |---|---|
//! | refuses folded lines, a blank before the colon, a lone LF, a line without colon | unfolded, trimmed, read, skipped |
//! | takes compact names (`v`, `f`, `t`, `i` …) for unknown headers, so Via, From … are "missing" | given their long names, both ways |
//! | refuses a header that is no UTF-8, and with it the message | replacement characters |
//! | cannot parse `tel:`, `urn:`, `im:` URIs, `?headers` | the URI's text stands in the place of its host, and prints as it was; do not route by its host, but by the next hop |
//! | cannot parse IPv6 addresses | such a host is a `Domain`, in its brackets |
//! | takes `alice.smith@example.org` for a host, prints transports in capitals | user and host are told apart, the text is kept |
//! | the same in From, To, Contact, Route …; quoted parameters, a blank beside `;`, several contacts, `gr=urn:uuid:…` | the text is kept; `typed()` and `uri()` of such a header fail or are wrong (`tests/differences.rs` lists every case) |
//! | does not cut a body at Content-Length, takes a message cut within its headers for whole | cut; [`ReadError`] |
//! | never makes `Header::SubscriptionState`, and has no Allow-Events, P-Asserted-Identity, Service-Route … | `Header::Other`, with the name as written |
//! | knows fourteen methods | [`ReadError::Method`], [`convert::UnknownMethod`]; rollmark itself sends SUBSCRIBE only |
//! | prints `202` with what it was given, and known codes with a reason of its own | the reason phrase, which is for people, is lost |
//! | prints a body that is no UTF-8 with replacement characters | [`bytes`] prints it as it is |
//! | has no transactions, no transport, no DNS | [`Host`] and [`Udp`]; DNS beyond addresses is the wire's |

pub mod convert;
mod host;
mod read;
mod remembered;
mod request;
mod server;
mod udp;
mod via;

pub use host::{Flow, Host, Wire};
pub use read::{ReadError, bytes, read};
pub use udp::Udp;
