//! Registration state as a registrar tells it: the `reg` event package (RFC 3680, RFC 5628; TS 24.229 §5.1.1.3, IMS-05).
//!
//! Read for one user agent: which of his identities are registered, and what became of its own contact.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::registration::{Registration, same_uri};
use crate::restoration::text;
use crate::uri::Uri;
use crate::xml::{self, Event, Limits, Namespace, Reader};

/// Event package (RFC 3680 §4.1).
pub const REG: &str = "reg";
/// Document type (RFC 3680 §4.6).
pub const REGINFO: &str = "application/reginfo+xml";
/// Life to ask for, in seconds (TS 24.229 §5.1.1.3, IMS-51).
pub const REG_EXPIRES: u32 = 600_000;
/// Registrations, and contacts of one, that are looked at (SEC-18).
pub const MAX_ELEMENTS: usize = 64;
/// A document over this many bytes is not read (SEC-07).
pub const MAX_BODY: usize = 256 * 1024;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:reginfo";

/// What a document says of one address of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredIdentity {
    /// The address of record.
    pub aor: String,
    /// It is registered.
    pub active: bool,
    /// Its contacts, in document order.
    pub contacts: Vec<RegisteredContact>,
}

/// One contact of an address of record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisteredContact {
    /// Its URI.
    pub uri: String,
    /// It is registered.
    pub active: bool,
    /// What happened to it last: `registered`, `created`, `refreshed`, `shortened`, `expired`, `deactivated`,
    /// `probation`, `unregistered`, `rejected`.
    pub event: String,
    /// Seconds left.
    pub expires: Option<u32>,
    /// Seconds until the user agent should try again.
    pub retry_after: Option<u32>,
    /// Public GRUU (RFC 5628 §4).
    pub public_gruu: Option<String>,
    /// Temporary GRUU.
    pub temporary_gruu: Option<String>,
}

/// A document: the registrations that it tells of. A partial one leaves the others as they are (RFC 3680 §5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reginfo {
    /// Of this version.
    pub version: Option<u64>,
    /// It tells of all registrations of the user.
    pub full: bool,
    /// The registrations.
    pub identities: Vec<RegisteredIdentity>,
}

impl Reginfo {
    /// Reads a document. What is not known is passed over; words that are neither `active` nor `terminated` are taken for
    /// not active.
    ///
    /// # Errors
    /// When it is not well-formed, or over a limit. A document of another kind has no identities.
    pub fn parse(body: &[u8]) -> Result<Self, xml::Error> {
        let limits = Limits {
            body: MAX_BODY,
            ..Limits::default()
        };
        let mut xml = Reader::new(body, limits)?;
        let ours = xml.namespace(NAMESPACE)?;
        let is_ours = move |namespace| namespace == ours || namespace == Namespace::NONE;
        let mut document = Self::default();
        match xml.read_markup()? {
            Some(Event::Start(root)) if root.local == "reginfo" && is_ours(root.namespace) => {
                document.version = attribute(&xml, "version").and_then(|text| text.parse().ok());
                document.full = attribute(&xml, "state").as_deref() != Some("partial");
            }
            _ => {
                while xml.read_markup()?.is_some() {}
                return Ok(document);
            }
        }
        while let Some(event) = xml.read_markup()? {
            let Event::Start(name) = event else { continue };
            let room = document.identities.len() < MAX_ELEMENTS;
            if name.local == "registration" && is_ours(name.namespace) && room {
                document.identities.push(identity(&mut xml)?);
            } else {
                xml.skip()?;
            }
        }
        Ok(document)
    }
}

fn attribute(xml: &Reader<'_>, name: &str) -> Option<String> {
    let mut attributes = xml.attributes().iter();
    let found = attributes.find(|a| a.namespace == Namespace::NONE && a.local == name)?;
    Some(found.value().trim().to_owned())
}

fn identity(xml: &mut Reader<'_>) -> Result<RegisteredIdentity, xml::Error> {
    let mut identity = RegisteredIdentity {
        aor: attribute(xml, "aor").unwrap_or_default(),
        active: attribute(xml, "state").as_deref() == Some("active"),
        contacts: Vec::new(),
    };
    while let Some(Event::Start(name)) = xml.read_markup()? {
        if name.local == "contact" && identity.contacts.len() < MAX_ELEMENTS {
            identity.contacts.push(contact(xml)?);
        } else {
            xml.skip()?;
        }
    }
    Ok(identity)
}

fn contact(xml: &mut Reader<'_>) -> Result<RegisteredContact, xml::Error> {
    let number = |xml: &Reader<'_>, name| attribute(xml, name).and_then(|text| text.parse().ok());
    let mut contact = RegisteredContact {
        active: attribute(xml, "state").as_deref() == Some("active"),
        event: attribute(xml, "event").unwrap_or_default(),
        expires: number(xml, "expires"),
        retry_after: number(xml, "retry-after"),
        ..RegisteredContact::default()
    };
    while let Some(Event::Start(name)) = xml.read_markup()? {
        match name.local {
            "uri" => contact.uri = text(xml)?.trim().to_owned(),
            "pub-gruu" => {
                contact.public_gruu = attribute(xml, "uri");
                xml.skip()?;
            }
            "temp-gruu" => {
                contact.temporary_gruu = attribute(xml, "uri");
                xml.skip()?;
            }
            _ => xml.skip()?,
        }
    }
    Ok(contact)
}

/// What becomes of the user agent's own registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is as it was.
    Kept,
    /// It is over; the network wants a new one at once, or does not say so.
    Over {
        /// `deactivated`: a new one is wanted (RFC 3680 §4.7.1).
        anew: bool,
    },
    /// It lasts so many seconds only: the network wants to authenticate the user again (TS 24.229 §5.1.1.5.1).
    Shortened(u32),
}

impl Reginfo {
    /// What the document says of the user agent with this identity and contact. A contact that the host does not know of
    /// is found where there is only one.
    pub(crate) fn fate(&self, identity: &str, contact: &str) -> Fate {
        let own = self
            .identities
            .iter()
            .find(|held| same_uri(&held.aor, identity));
        let Some(own) = own else { return Fate::Kept };
        match (own.active, own.contact(contact)) {
            (false, contact) => Fate::Over {
                anew: contact
                    .or_else(|| own.contacts.first())
                    .is_some_and(|contact| contact.event == "deactivated"),
            },
            (true, Some(contact)) if !contact.active => Fate::Over {
                anew: contact.event == "deactivated",
            },
            (true, Some(contact)) if contact.event == "shortened" => {
                contact.expires.map_or(Fate::Kept, Fate::Shortened)
            }
            (true, _) => Fate::Kept,
        }
    }

    /// Brings the facts up to date: identities that were registered or are not any more, and the GRUUs of the own contact.
    pub(crate) fn update(&self, registration: &mut Registration, identity: &str) {
        let own = self.own_contact(identity, &registration.contact);
        if let Some(own) = own.filter(|own| own.public_gruu.is_some()) {
            registration.public_gruu.clone_from(&own.public_gruu);
        }
        if let Some(own) = own.filter(|own| own.temporary_gruu.is_some()) {
            registration.temporary_gruu.clone_from(&own.temporary_gruu);
        }
        let Some(associated) = &mut registration.associated else {
            return;
        };
        for told in &self.identities {
            let at = associated.iter().position(|uri| same_uri(uri, &told.aor));
            match at {
                Some(at) if !told.active => {
                    associated.remove(at);
                }
                None if told.active
                    && associated.len() < MAX_ELEMENTS
                    && Uri::parse(&told.aor).is_ok() =>
                {
                    associated.push(told.aor.clone());
                }
                _ => {}
            }
        }
    }

    /// The user agent's own contact by the document, for its GRUUs.
    pub(crate) fn own_contact(&self, identity: &str, contact: &str) -> Option<&RegisteredContact> {
        let mut own = self.identities.iter();
        let own = own.find(|held| held.active && same_uri(&held.aor, identity))?;
        own.contact(contact).filter(|contact| contact.active)
    }
}

impl RegisteredIdentity {
    fn contact(&self, uri: &str) -> Option<&RegisteredContact> {
        let mut contacts = self.contacts.iter();
        match uri {
            "" => contacts.next().filter(|_| self.contacts.len() == 1),
            uri => contacts.find(|held| same_uri(&held.uri, uri)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const OWN: &str = "sip:alice@192.0.2.1:5060";

    fn document(state: &str, contact: &str) -> String {
        format!(
            "<?xml version='1.0'?><reginfo xmlns='{NAMESPACE}' xmlns:gr='urn:ietf:params:xml:ns:gruuinfo' version='2' \
             state='full'><registration aor='sip:alice@ims.test' id='a1' state='{state}'>{contact}<x xmlns='y'>z</x>\
             </registration><registration aor='tel:+123' id='a2' state='active'/></reginfo>"
        )
    }

    fn own(state: &str, event: &str, more: &str) -> String {
        format!(
            "<contact id='77' state='{state}' event='{event}' expires='60'><uri> {OWN} </uri>{more}</contact>\
             <contact id='78' state='active' event='registered'><uri>sip:alice@192.0.2.9</uri></contact>"
        )
    }

    fn fate(body: &str) -> Fate {
        let read = Reginfo::parse(body.as_bytes()).unwrap();
        read.fate("sip:alice@ims.test", OWN)
    }

    /// IMS-05: what each state and event of the own contact means.
    #[test]
    fn fates() {
        for (state, event, wanted) in [
            ("active", "registered", Fate::Kept),
            ("active", "refreshed", Fate::Kept),
            ("active", "shortened", Fate::Shortened(60)),
            ("terminated", "deactivated", Fate::Over { anew: true }),
            ("terminated", "rejected", Fate::Over { anew: false }),
            ("terminated", "expired", Fate::Over { anew: false }),
            ("terminated", "unregistered", Fate::Over { anew: false }),
        ] {
            assert_eq!(fate(&document("active", &own(state, event, ""))), wanted);
        }
        // As after an RTR of the HSS: no contact is named.
        assert_eq!(
            fate(&document("terminated", "")),
            Fate::Over { anew: false }
        );
        assert_eq!(fate(&document("active", "")), Fate::Kept);
        let others = Reginfo::parse(document("terminated", "").as_bytes()).unwrap();
        assert_eq!(others.fate("sip:bob@ims.test", OWN), Fate::Kept);
        assert_eq!(others.fate("tel:+1-23", OWN), Fate::Kept);
        // Another device of the user goes.
        let other = own("active", "registered", "").replace(
            "id='78' state='active' event='registered'",
            "id='78' state='terminated' event='expired'",
        );
        assert_eq!(fate(&document("active", &other)), Fate::Kept);
    }

    /// RFC 5628: GRUUs of the own contact.
    #[test]
    fn gruus() {
        let more = "<gr:pub-gruu uri='sip:alice@ims.test;gr=1'/><gr:temp-gruu uri='sip:t@ims.test;gr' first-cseq='1'/>";
        let body = document("active", &own("active", "registered", more));
        let read = Reginfo::parse(body.as_bytes()).unwrap();
        let contact = read.own_contact("sip:alice@ims.test", OWN).unwrap();
        assert_eq!(
            contact.public_gruu.as_deref(),
            Some("sip:alice@ims.test;gr=1")
        );
        assert_eq!(contact.temporary_gruu.as_deref(), Some("sip:t@ims.test;gr"));
        assert_eq!(read.own_contact("sip:alice@ims.test", ""), None);
    }

    /// SEC-07, SEC-18: a document is read within its limits; another one is none.
    #[test]
    fn limits() {
        let registration = "<registration aor='sip:a@b' state='active'/>".repeat(MAX_ELEMENTS + 9);
        let body = format!(
            "<reginfo xmlns='{NAMESPACE}' version='0' state='partial'>{registration}</reginfo>"
        );
        let read = Reginfo::parse(body.as_bytes()).unwrap();
        assert_eq!((read.identities.len(), read.full), (MAX_ELEMENTS, false));
        let contacts = own("active", "registered", "").repeat(MAX_ELEMENTS);
        let read = Reginfo::parse(document("active", &contacts).as_bytes()).unwrap();
        assert_eq!(read.identities[0].contacts.len(), MAX_ELEMENTS);
        assert!(Reginfo::parse(" ".repeat(MAX_BODY + 1).as_bytes()).is_err());
        assert!(Reginfo::parse(b"<reginfo").is_err());
        assert!(Reginfo::parse(b"<!DOCTYPE a><reginfo/>").is_err());
        assert_eq!(
            Reginfo::parse(b"<other><a/></other>").unwrap(),
            Reginfo::default()
        );
    }
}
