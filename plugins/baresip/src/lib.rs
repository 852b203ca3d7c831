//! rollmark as a loadable module of baresip 1.x: watches conferences and lists who is in them (RFC 6665 §4.1, RFC 4575).
//!
//! ```text
//! module_path            /usr/local/lib/baresip        # the folder with conference.so and baresip's own modules
//! module_app             conference.so
//! conference_block_list  /home/alice/blocked.txt       # one URI a line
//! ```
//! Then, in any front end: `/conf_watch sip:room@example.org`, `/conf_list`, `/conf_refresh`, `/conf_leave`.
//!
//! baresip owns the dialog and answers challenges with the account's password; core decides when to send what
//! ([`rollmark_core::host::HostKind::Dialog`]). Everything runs on baresip's own thread and nothing blocks it.
//!
//! | file | what it knows |
//! |---|---|
//! | `ffi` | the C side: symbols, layouts, entry points, all that is unsafe |
//! | `adapter` | the engine and its actions and facts, no C |
//! | `command` | what the user types |
//! | `show` | what the user reads |
//! | `settings` | configuration keys and the block list's file |
//!
//! # What baresip cannot do, and what follows
//! | limit | what the module does |
//! |---|---|
//! | NOTIFYs reach a module only through baresip's own subscription object | uses that, on a dialog of its own |
//! | the Contact of the first SUBSCRIBE has no parameters, and its 2xx is not shown | says so by its capabilities |
//! | that object says goodbye (Expires: 0) in a dialog that the server has already ended | nothing: the server answers 481 |
//! | routes are loose ones only, and `lr` is added to each | gives them without it |
//! | when it is closed it waits for its own transactions, 32 s where the server is dead | nothing: a second signal ends it at once |
//! | libre has no promised ABI | finds the layout by a known message, refuses what it does not know |

mod adapter;
mod command;
mod deed;
mod ffi;
mod lists;
mod registration;
mod settings;
mod show;
