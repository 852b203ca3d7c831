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
//! | limit of ezk | what the plugin does |
//! |---|---|
//! | first retransmission of a request over UDP after 4 s | retransmits by RFC 3261 §17.1.2.2 itself |
//! | every message is a task of its own, so order is lost on a runtime of several threads | restores the order of NOTIFYs by CSeq |
//! | routes by the Request-URI, never by Route | resolves the next hop itself and shares one connection to each server |
//! | sends requests of any size over UDP | sends those over 1,300 bytes by TCP, and by UDP where the server takes no connection (RFC 3261 §18.1.1) |
//! | no `rport` in Via | adds it over UDP (RFC 3581); Contact stays the local address: a softphone behind a NAT gives its own by [`Registration`](rollmark::Registration), or uses TCP |
//! | uses a connection that is closed | watches it, and refreshes on a new one, many subscriptions one after the other |
//! | cuts the body off a message whose head came in two reads of a TCP connection (about every 8 KiB), then closes the connection | refuses what was cut, refreshes on a new connection for the whole state: a moment's delay, nobody lost |
//! | closes a TCP connection on a message over 65,535 bytes: a full roster of some 80 to 150 users is near it | says so in the log, once a server, with what to do; other subscriptions go on, that one is tried ever more rarely, at last every five minutes. The way round is the server's: partial documents, or fewer details of each user |
//! | drops messages with a `tel:` URI in From or To, and cannot send to one | refuses such a request at once and says so; give the identity as `sip:NUMBER@DOMAIN;user=phone`. A server that writes `tel:` into the From of its NOTIFYs is not heard: the subscription ends as never notified |
//! | drops messages with an escaped quote in a display name, invalid UTF-8 in any header, or a host name with `_` | cannot see them: the gap in the versions shows, and the whole state is asked for |
//! | panics, in the task of that message alone, on a Via that it cannot parse | nothing is lost but that message. With `panic = "abort"` it ends the process: build with unwinding |
//! | a lookup gives one server over UDP, the first | a server that is silent is looked up anew for the next attempt, so fail-over is up to the order that DNS gives; over TCP ezk tries each |
//! | cannot give up a connection that the system takes for open | a change of network is told by [`Conferences::network_changed`](rollmark::Conferences::network_changed): UDP moves at once, a dead TCP connection when the system notices |
//! | with two UDP sockets, `;transport=udp` in a URI picks the first, of whatever family | nothing: leave that parameter out, or bind one family |
//! | nothing is known of where a request came from but its text | NOTIFYs are matched by Call-ID and both tags, 128 bits each, not by their source (SEC-03) |
//! | does not shut down an endpoint | the plugin's own tasks end with its last handle |
//!
//! # Logs
//! This crate and `rollmark` log no identity at any level (SEC-16); ezk's own log shows whole URIs from `debug` on.

mod connections;
mod convert;
mod flow;
mod flows;
mod host;
mod invite;
mod layer;
mod order;
mod own_invite;
mod requests;
mod stream;

pub use connections::Connections;
pub use convert::request as neutral_request;
pub use invite::Invitation;
pub use layer::ConferencePlugin;
pub use requests::{LARGEST_DATAGRAM, Requests};
pub use stream::{MAX_BODY, MAX_HEAD};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
