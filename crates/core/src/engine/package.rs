//! Event packages: what each asks for, and what becomes of the bodies of its NOTIFYs (RFC 6665 §5, RFC 4575 §3).
//!
//! A package that core reads itself is one more variant of [`Package`], with its arm in each function here and events of
//! its own in [`What`]; nothing else in the engine asks which package it serves.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::documents::Documents;
use super::{WatchError, What};
use crate::account::Account;
use crate::conference::RosterState;
use crate::header::{Event, MediaType};
use crate::reginfo::{REG, REG_EXPIRES, REGINFO, Reginfo};
use crate::roster::{News, Roster};
use crate::subscription;
use crate::xcap_diff;

/// The conference package (RFC 4575 §3.1).
const CONFERENCE: &str = "conference";
/// Its document type (RFC 4575 §3.4).
const CONFERENCE_INFO: &str = "application/conference-info+xml";

/// How to subscribe to an event package that core does not read itself. Its documents come out as [`What::Document`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSettings {
    /// Event value to send, its parameters included: `xcap-diff;diff-processing=no-patching`. NOTIFYs are matched by
    /// package name and `id`, byte by byte (RFC 6665 §8.2.1, SUB-23).
    pub event: String,
    /// Document types that are accepted, each `type/subtype`; none means that the package's default is, whatever it is.
    pub accept: Vec<String>,
    /// Body of each SUBSCRIBE but the one that ends it, where the package has one (RFC 5875 §4.3).
    pub body: Option<Body>,
    /// Life to ask for in seconds, the package's own; none means that of the account.
    pub expires: Option<u32>,
}

/// A body with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Content-Type value.
    pub content_type: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// The event package of a watch, and what the engine holds of its resource.
#[derive(Debug)]
pub(crate) enum Package {
    /// RFC 4575: documents are merged into a roster, made by the first.
    Conference(Option<Box<Roster>>),
    /// RFC 5875: changes of documents are told.
    Documents(Box<Documents>),
    /// RFC 3680: the account's own registration state; what the last document said.
    Registration(Option<Box<Reginfo>>),
    /// Documents are handed on.
    Other(Arc<PackageSettings>),
}

impl Package {
    /// A package that core does not read.
    pub(super) fn other(settings: Arc<PackageSettings>) -> Result<Self, WatchError> {
        match Event::parse(&settings.event) {
            Some(_) => Ok(Self::Other(settings)),
            None => Err(WatchError::Event {
                event: settings.event.clone(),
            }),
        }
    }

    /// The same package without what is held of the resource.
    pub(super) fn without_state(&self) -> Self {
        match self {
            Self::Conference(_) => Self::Conference(None),
            Self::Registration(_) => Self::Registration(None),
            // Its NOTIFYs are not read any more.
            Self::Documents(_) => Self::Other(Arc::new(PackageSettings {
                event: self.event().to_string(),
                accept: alloc::vec![self.accept()],
                body: None,
                expires: self.expires(),
            })),
            Self::Other(settings) => Self::Other(settings.clone()),
        }
    }

    /// What the last document said of the account's registration, once.
    pub(super) fn take_registration(&mut self) -> Option<Box<Reginfo>> {
        match self {
            Self::Registration(told) => told.take(),
            Self::Conference(_) | Self::Documents(_) | Self::Other(_) => None,
        }
    }

    /// True when block lists have something to mark in it.
    pub(super) fn is_marked(&self) -> bool {
        matches!(self, Self::Conference(_))
    }

    /// Event value to send.
    pub(super) fn event(&self) -> &str {
        match self {
            Self::Conference(_) => CONFERENCE,
            Self::Documents(documents) => documents.event(),
            Self::Registration(_) => REG,
            Self::Other(settings) => &settings.event,
        }
    }

    /// The same with the rates that are wanted (RFC 6446 §4, SUB-72).
    pub(super) fn event_to_send(&self, settings: &subscription::Settings) -> String {
        let mut event = self.event().to_string();
        if matches!(self, Self::Conference(_)) {
            let rates = [
                ("max-rate", settings.max_rate),
                ("min-rate", settings.min_rate),
            ];
            for (name, rate) in rates {
                if let Some(rate) = rate {
                    event.push_str(&alloc::format!(";{name}={rate}"));
                }
            }
        }
        event
    }

    /// True for the package of the IM session itself, whose requests carry the marks of the IM service (OMA-22).
    pub(super) fn is_of_the_session(&self) -> bool {
        matches!(self, Self::Conference(_))
    }

    /// Accept value to send; "" for none.
    pub(super) fn accept(&self) -> String {
        match self {
            Self::Conference(_) => CONFERENCE_INFO.to_string(),
            Self::Documents(_) => xcap_diff::CONTENT_TYPE.to_string(),
            Self::Registration(_) => REGINFO.to_string(),
            Self::Other(settings) => settings.accept.join(", "),
        }
    }

    /// Body of a SUBSCRIBE.
    pub(super) fn body(&self) -> Option<&Body> {
        match self {
            Self::Documents(documents) => Some(&documents.body),
            Self::Conference(_) | Self::Registration(_) => None,
            Self::Other(settings) => settings.body.as_ref(),
        }
    }

    /// Life to ask for, where the package has one of its own.
    pub(super) fn expires(&self) -> Option<u32> {
        match self {
            Self::Conference(_) => None,
            Self::Documents(_) => Some(xcap_diff::EXPIRES),
            Self::Registration(_) => Some(REG_EXPIRES),
            Self::Other(settings) => settings.expires,
        }
    }

    /// True when the Event of a NOTIFY means this subscription.
    pub(super) fn is_meant(&self, event: &Event<'_>) -> bool {
        Event::parse(self.event()).is_some_and(|own| own.matches(event))
    }

    /// True when the Event of a NOTIFY names this package, whatever the id.
    pub(super) fn is_named(&self, event: &Event<'_>) -> bool {
        Event::parse(self.event()).is_some_and(|own| own.package == event.package)
    }

    /// True for a document type that was asked for.
    pub(super) fn accepts(&self, media: &MediaType) -> bool {
        match self {
            Self::Conference(_) => media.is(CONFERENCE_INFO),
            Self::Documents(_) => media.is(xcap_diff::CONTENT_TYPE),
            Self::Registration(_) => media.is(REGINFO),
            Self::Other(settings) => {
                settings.accept.is_empty() || settings.accept.iter().any(|wanted| media.is(wanted))
            }
        }
    }

    /// A new subscription begins: what held only for the last one is forgotten.
    pub(super) fn begin_subscription(&mut self) {
        match self {
            Self::Conference(Some(roster)) => roster.begin_subscription(),
            Self::Documents(documents) => documents.begin_subscription(),
            Self::Conference(None) | Self::Registration(_) | Self::Other(_) => {}
        }
    }

    /// Takes a document of an accepted type.
    pub(super) fn read(
        &mut self,
        now: Duration,
        media: &MediaType,
        body: &[u8],
        target: &str,
        account: &Account,
    ) -> News {
        match self {
            Self::Conference(roster) => {
                let new = || Box::new(Roster::new(account.settings.conference, Some(target)));
                let roster = roster.get_or_insert_with(new);
                roster.apply(now, body, &account.lists)
            }
            Self::Documents(documents) => documents.read(body),
            Self::Registration(told) => {
                // What cannot be read says nothing.
                *told = Reginfo::parse(body).ok().map(Box::new);
                News::default()
            }
            Self::Other(_) => News {
                events: alloc::vec![What::Document {
                    content_type: [&media.kind, "/", &media.subtype].concat(),
                    body: body.into(),
                }],
                ..News::default()
            },
        }
    }

    /// The server does not know the Event (489): true when there is another way to say it.
    pub(super) fn says_otherwise(&mut self) -> bool {
        match self {
            Self::Documents(documents) => documents.leaves_parameter_out(),
            Self::Conference(_) | Self::Registration(_) | Self::Other(_) => false,
        }
    }

    /// The notifier is asked for what is wanted now.
    pub(super) fn asked(&mut self) {
        if let Self::Documents(documents) = self {
            documents.is_new = false;
        }
    }

    /// True while the whole state is to be asked for: what is held has a gap (RFC 4575 §4.6), or something else is wanted
    /// than was asked for (RFC 5875 §4.7).
    pub(super) fn wants_full_state(&self) -> bool {
        match self {
            Self::Conference(Some(roster)) => roster.full_state().is_some(),
            Self::Documents(documents) => documents.is_new,
            Self::Conference(None) | Self::Registration(_) | Self::Other(_) => false,
        }
    }

    /// The roster of a conference.
    pub(super) fn roster(&self) -> Option<&Roster> {
        match self {
            Self::Conference(roster) => roster.as_deref(),
            Self::Documents(_) | Self::Registration(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn roster_mut(&mut self) -> Option<&mut Roster> {
        match self {
            Self::Conference(roster) => roster.as_deref_mut(),
            Self::Documents(_) | Self::Registration(_) | Self::Other(_) => None,
        }
    }

    pub(super) fn roster_state(&self) -> RosterState {
        self.roster().map_or(RosterState::None, Roster::state)
    }

    pub(super) fn hidden_users(&self) -> usize {
        self.roster().map_or(0, Roster::hidden_users)
    }
}
