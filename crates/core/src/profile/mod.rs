//! What a message looks like on a plain SIP core and on an IMS core (OMA-20…29, TS 24.229 §5.1.2A.1.1, SW-02…04); the
//! only place that adds headers by core type.
//!
//! [`TABLE`] is the whole of it; a message is made by walking it. As a table for people:
#![doc = include_str!("table.md")]
//!
//! An operator's own profile is a [`Profile`] of his: most begin with one of these and change what differs.

mod settings;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod value;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use crate::message::Headers;
pub use crate::registration::Registration;
use crate::registration::{Evidence, SipCore};
pub use settings::{ContactPreference, Settings};
pub use show::table_as_markdown;
pub use table::{Condition, Rule, TABLE};
pub use value::Value;

/// Which message is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The SUBSCRIBE that makes a dialog.
    Initial,
    /// A SUBSCRIBE in the dialog: refresh, end.
    InDialog,
    /// The response to a NOTIFY in the dialog.
    Answer,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Initial, Self::InDialog, Self::Answer];
}

/// The SIP core a message is built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// RFC 3261 rules only.
    #[default]
    Sip,
    /// 3GPP TS 24.229, 3GPP2 X.S0013-004.
    Ims,
}

impl Mode {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Ims => "ims",
        }
    }
}

/// Why an account is in its mode (SW-10). Its text is a sentence for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModeReason {
    /// The account is set to it.
    #[default]
    Set,
    /// It is decided by the registration, and this is what decided.
    Evidence(Evidence),
}

impl fmt::Display for ModeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => f.write_str("the account is set to it"),
            Self::Evidence(evidence) => write!(f, "{evidence}"),
        }
    }
}

/// What a message is built from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The mode the account is in.
    pub mode: Mode,
    /// What the host knows of its registration, as of now.
    pub registration: &'a Registration,
    /// URI of the identity in use, never a barred one (IMS-03, IMS-04).
    pub identity: &'a str,
    /// The user wants to stay anonymous (OMA-25).
    pub anonymous: bool,
    /// The message is of the IM session's own package, not of another event package.
    pub of_session: bool,
}

/// Decides the headers of each message. [`Plain`], [`Ims`] and [`Auto`] are here; an operator may write his own.
pub trait Profile: Debug + Send + Sync {
    /// The core that it is for, where these facts hold, and why (SW-01, SW-10). Asked when there is a registration, or
    /// nothing is known of one; while one is being made or after its end the mode stays.
    fn mode(&self, registration: &Registration) -> (Mode, ModeReason);

    /// Route set to preload on an initial request, topmost first, one URI each; in-dialog requests use the dialog's
    /// (IMS-30).
    fn route(&self, facts: &Facts<'_>) -> Vec<String>;

    /// Adds what this core wants to the headers of a message.
    fn decorate(&self, kind: Kind, facts: &Facts<'_>, headers: &mut Headers);

    /// Redirections are followed (SUB-19); not where every request must go by the same proxy (IMS-45).
    fn follows_redirections(&self, mode: Mode) -> bool {
        mode == Mode::Sip
    }

    /// An option tag of Require or Proxy-Require that the server does not know may be left out (SUB-16); sec-agree never
    /// (IMS-38).
    fn may_leave_out(&self, option: &str) -> bool {
        !option.eq_ignore_ascii_case(SEC_AGREE)
    }

    /// An option that a server demands is supported (SUB-16).
    fn supports(&self, _option: &str) -> bool {
        false
    }

    /// The account subscribes to the registration state of its own identity while it is registered in IMS mode (IMS-05).
    fn watches_registration(&self) -> bool {
        false
    }

    /// The mode follows the registration, so nothing is sent while one is being made.
    fn is_automatic(&self) -> bool {
        false
    }

    /// The settings, for a recording; none of a profile that is made otherwise.
    fn settings(&self) -> Option<&Settings> {
        None
    }
}

/// Option tag of the security agreement (RFC 3329 §2.2).
pub const SEC_AGREE: &str = "sec-agree";
/// Feature tag of OMA SIMPLE IM (OMA-21).
pub const IM_FEATURE_TAG: &str = "+g.oma.sip-im";
/// Product token of an OMA SIMPLE IM client (OMA-24).
pub const IM_CLIENT_TOKEN: &str = "IM-client/OMA1.0";

macro_rules! profiles {
    ($($(#[$doc:meta])* $name:ident($registration:ident) = $mode:expr, automatic $automatic:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(
            /// What it can be set to.
            pub Settings,
        );

        impl Profile for $name {
            fn mode(&self, $registration: &Registration) -> (Mode, ModeReason) {
                $mode
            }

            fn route(&self, facts: &Facts<'_>) -> Vec<String> {
                table::route(&self.0, facts)
            }

            fn decorate(&self, kind: Kind, facts: &Facts<'_>, headers: &mut Headers) {
                table::decorate(&self.0, kind, facts, headers);
            }

            fn watches_registration(&self) -> bool {
                self.0.watch_registration
            }

            fn is_automatic(&self) -> bool {
                $automatic
            }

            fn settings(&self) -> Option<&Settings> {
                Some(&self.0)
            }
        }
    )*};
}

profiles! {
    /// Plain SIP, whatever the registration says: nothing of IMS (SW-02, SW-03).
    Plain(_registration) = (Mode::Sip, ModeReason::Set), automatic false;
    /// IMS, whatever the registration says: nothing is sent before there is one (IMS-01).
    Ims(_registration) = (Mode::Ims, ModeReason::Set), automatic false;
    /// IMS exactly when the registration says that the SIP core is one (SW-01).
    Auto(registration) = {
        let (core, evidence) = registration.sip_core();
        let mode = match core {
            SipCore::Sip => Mode::Sip,
            SipCore::Ims => Mode::Ims,
        };
        (mode, ModeReason::Evidence(evidence))
    }, automatic true;
}
