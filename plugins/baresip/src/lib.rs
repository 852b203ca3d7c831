//! rollmark as a loadable module of baresip 1.x and 4.x: who is in a conference and who of them is blocked (RFC 6665 §4.1,
//! RFC 4575, RFC 4825). `README.md` is for its user, `config` has every key.
//!
//! baresip owns the dialog and answers challenges with the account's password; core decides when to send what
//! ([`rollmark_core::host::HostKind::Dialog`]). SIP is done on baresip's own thread and nothing blocks it; block lists are read
//! and changed on a thread of theirs, which is ended before the module is unloaded.
//!
//! | file | what it knows |
//! |---|---|
//! | `ffi` | the C side: symbols, layouts, entry points, all that is unsafe |
//! | `adapter` | the engine with its facts, accounts and lists, no C |
//! | `deed` | the engine's actions as libre wants them |
//! | `lists` | the thread of the block lists: file and XDMS |
//! | `registration` | what is known of a registration; the mode that the user has chosen |
//! | `command` | what the user types |
//! | `show` | what the user reads |
//! | `settings` | configuration keys |
//!
//! # What baresip cannot do, and what follows
//! | limit | what the module does |
//! |---|---|
//! | NOTIFYs reach a module only through baresip's own subscription object | uses that, on a dialog of its own |
//! | the Contact of the first SUBSCRIBE has no parameters, and its 2xx is not shown | says so by its capabilities |
//! | that object says goodbye (Expires: 0) in a dialog that the server has already ended | nothing: the server answers 481 |
//! | routes are loose ones only, and `lr` is added to each | gives them without it |
//! | a module is not told what the registrar said | reads baresip's trace where the user allows it, else the configuration |
//! | when it is closed it waits for its own transactions, 32 s where the server is dead | nothing: a second signal ends it at once |
//! | libre has no promised ABI | takes 1.x and 4.x, finds the layout by a known message, refuses what it does not know |

mod adapter;
mod command;
mod deed;
mod ffi;
mod lists;
mod registration;
mod settings;
mod show;
