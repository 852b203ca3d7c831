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
//! # Connections
//! Over TCP the plugin makes connections of its own ([`Connections`]), because those of ezk-sip-core 0.9 cut the body off a message
//! whose head came in two reads (about every 8 KiB) and take none over 65,535 bytes. Over them
//! - a head may have [`MAX_HEAD`] bytes and a body [`MAX_BODY`]; what is longer costs the connection, which is told by the deviation
//!   `message-too-large`, and said in the log once a server, with what to do;
//! - NOTIFYs come in the order of the wire, from servers with `tel:` URIs, too, and whatever their headers hold;
//! - keep-alives are answered and sent (RFC 5626 §4.4.1); a server that answered them and falls silent is given up, and so is one of
//!   which nothing is heard for 32 s after a request, or, on Linux and Android, that acknowledges nothing for 40 s;
//! - all that is not for the plugin goes to the other layers of the endpoint, and their answers back. The transport handle of such a
//!   request leads through the plugin: use it to answer; for a Contact ask [`Requests::contact_of`], for its own address is that of a
//!   socket within the process;
//! - TLS takes the feature `tls` and [`Connections::tls`]; without it a `tls` URI is left to the endpoint's own connector.
//!
//! A softphone whose server wants SUBSCRIBE on the very connection that it registered over registers by
//! [`ConferencePlugin::requests`], or gives [`Connections::of_endpoint`].
//!
//! # Among other layers
//! The plugin takes the NOTIFYs of its own dialogs and nothing else, so it may stand anywhere among the softphone's layers, the
//! `DialogLayer` of ezk-sip-ua included, which keeps to its own dialogs (`tests/embedding` is run with both orders). A layer before it
//! must leave NOTIFYs that it does not know: where one takes them no roster comes, and after Timer N the state says `no-notify`.
//!
//! # What ezk-sip-core 0.9 cannot do, and what follows
//! | limit of ezk | what the plugin does |
//! |---|---|
//! | first retransmission of a request over UDP after 4 s | retransmits by RFC 3261 §17.1.2.2 itself |
//! | every message is a task of its own, so order is lost on a runtime of several threads | restores the order of NOTIFYs by CSeq |
//! | routes by the Request-URI, never by Route | resolves the next hop itself and shares one connection to each server |
//! | sends requests of any size over UDP | sends those over 1,300 bytes by TCP, and by UDP where the server takes no connection (RFC 3261 §18.1.1) |
//! | no `rport` in Via | adds it over UDP (RFC 3581); Contact stays the local address: a softphone behind a NAT gives its own by [`Registration`](rollmark::Registration), or uses TCP |
//! | tries the first server that DNS names, and no other | looks up by RFC 3263 itself, and takes the next one when a server is silent or refuses the connection |
//! | over UDP, drops messages with a `tel:` URI in From or To, and cannot send to one | refuses such a request at once and says so; give the identity as `sip:NUMBER@DOMAIN;user=phone`, or use TCP. A server that writes `tel:` into the From of its NOTIFYs over UDP is not heard: the subscription ends as never notified |
//! | over UDP, drops messages with an escaped quote in a display name, invalid UTF-8 in any header, or a host name with `_` | cannot see them: the gap in the versions shows, and the whole state is asked for |
//! | over UDP, panics, in the task of that message alone, on a Via that it cannot parse | nothing is lost but that message. With `panic = "abort"` it ends the process: build with unwinding |
//! | with two UDP sockets, `;transport=udp` in a URI picks the first, of whatever family | gives it the address without that parameter, once it has looked it up |
//! | over its own connections ([`Connections::of_endpoint`], or TLS without a connector), a message over 65,535 bytes closes the connection | tells it by the deviation `message-too-large`, and says so in the log, once a server; the subscription is tried ever more rarely |
//! | does not say where UDP messages came from but by address | in IMS mode a NOTIFY over UDP counts from the address of a next hop, over a connection by that very one (SEC-03); else they are matched by Call-ID and both tags, 128 bits each |
//! | does not shut down an endpoint | the plugin's own tasks end with its last handle |
//!
//! # Logs
//! This crate and `rollmark` log no identity at any level (SEC-16); ezk's own log shows whole URIs from `debug` on.

mod answers;
mod connections;
mod convert;
#[cfg(test)]
mod dns_tests;
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
