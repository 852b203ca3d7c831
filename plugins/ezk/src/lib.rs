//! rollmark as a layer of ezk-sip-core: one line, `builder.add_layer(plugin)`, before `build()`.
//!
//! ```no_run
//! use ezk_sip_core::Endpoint;
//! use rollmark::{Account, What};
//! use rollmark_ezk::ConferencePlugin;
//!
//! # async fn softphone() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = Endpoint::builder();
//! builder.bind_udp("127.0.0.1:0".parse()?).await?;
//! // The softphone's own layers stay as they are.
//! let (plugin, conferences) = ConferencePlugin::new(Account::new("sip:alice@example.org"));
//! builder.add_layer(plugin);
//! let _endpoint = builder.build();
//!
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
//! # What ezk-sip-core 0.9 cannot do, and what follows
//! | limit | what the plugin does |
//! |---|---|
//! | first retransmission of a request over UDP after 4 s | retransmits by RFC 3261 §17.1.2.2 itself |
//! | every message is a task of its own, so order is lost on a runtime of several threads | restores the order of NOTIFYs by CSeq |
//! | routes by the Request-URI, never by Route | resolves the next hop itself and shares one connection to it |
//! | cuts the body off a message whose head came in two reads of a TCP connection (about every 8 KiB), then closes the connection | refuses what was cut, refreshes on a new connection for the whole state: a moment's delay, nobody lost |
//! | closes a TCP connection on a message over 65,535 bytes | nothing: a full roster of some 80 to 150 users is near it |
//! | drops messages with a `tel:` URI in From or To | nothing |
//! | does not shut down an endpoint | the plugin's own tasks end with its last handle |

mod convert;
mod flow;
mod host;
mod invite;
mod layer;
mod order;
mod requests;

pub use convert::request as neutral_request;
pub use invite::Invitation;
pub use layer::ConferencePlugin;
pub use requests::{LARGEST_DATAGRAM, Requests};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
