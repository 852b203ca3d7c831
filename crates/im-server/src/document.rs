//! Writer of conference information documents: full, partial and deleted (RFC 4575 §4, §5).

use std::borrow::Cow;
use std::io;

use bytes::Bytes;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::conference::{Conference, Endpoint, User};

/// MIME type of the documents (RFC 4575 §4.1).
pub const CONTENT_TYPE: &str = "application/conference-info+xml";

const NAMESPACE: &str = "urn:ietf:params:xml:ns:conference-info";

type Xml = Writer<Vec<u8>>;

/// The whole conference.
pub(crate) fn full(entity: &str, version: u32, conference: &Conference) -> Bytes {
    document(entity, version, "full", |xml| {
        description(xml, conference)?;
        conference_state(xml, conference)?;
        start(xml, "users", &[("state", "full")])?;
        for user in conference.users() {
            full_user(xml, user)?;
        }
        end(xml, "users")
    })
}

/// What differs between `before` and `after`.
///
/// Elements without a `state` attribute replace the subscriber's as a whole (RFC 4575 §4.6 step 3.2), so the description
/// and the conference state are repeated in full once anything in them changed.
pub(crate) fn partial(
    entity: &str,
    version: u32,
    before: &Conference,
    after: &Conference,
) -> Bytes {
    document(entity, version, "partial", |xml| {
        if (&before.display_text, &before.subject, &before.free_text)
            != (&after.display_text, &after.subject, &after.free_text)
        {
            description(xml, after)?;
        }
        if (before.user_count(), before.locked) != (after.user_count(), after.locked) {
            conference_state(xml, after)?;
        }
        if before.users() == after.users() {
            return Ok(());
        }
        start(xml, "users", &[("state", "partial")])?;
        for user in before.users() {
            if find_user(after, &user.entity).is_none() {
                empty(
                    xml,
                    "user",
                    &[("entity", &user.entity), ("state", "deleted")],
                )?;
            }
        }
        for user in after.users() {
            match find_user(before, &user.entity) {
                None => full_user(xml, user)?,
                Some(old) if old == user => {}
                Some(old) => changed_user(xml, old, user)?,
            }
        }
        end(xml, "users")
    })
}

/// The conference has ceased to exist (RFC 4575 §5.2).
pub(crate) fn deleted(entity: &str, version: u32) -> Bytes {
    document(entity, version, "deleted", |_| Ok(()))
}

fn find_user<'a>(conference: &'a Conference, entity: &str) -> Option<&'a User> {
    conference.users().iter().find(|user| user.entity == entity)
}

fn document(
    entity: &str,
    version: u32,
    state: &str,
    content: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> Bytes {
    let mut xml = Writer::new(Vec::new());
    let write = |xml: &mut Xml| {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        start(
            xml,
            "conference-info",
            &[
                ("xmlns", NAMESPACE),
                ("entity", entity),
                ("state", state),
                ("version", &version.to_string()),
            ],
        )?;
        content(xml)?;
        end(xml, "conference-info")
    };
    match write(&mut xml) {
        Ok(()) => xml.into_inner().into(),
        // Writing into a vector does not fail; no document is better than half of one.
        Err(error) => {
            tracing::error!(%error, "conference document could not be written");
            Bytes::new()
        }
    }
}

fn description(xml: &mut Xml, conference: &Conference) -> io::Result<()> {
    start(xml, "conference-description", &[])?;
    optional(xml, "display-text", conference.display_text.as_deref())?;
    optional(xml, "subject", conference.subject.as_deref())?;
    optional(xml, "free-text", conference.free_text.as_deref())?;
    end(xml, "conference-description")
}

fn conference_state(xml: &mut Xml, conference: &Conference) -> io::Result<()> {
    start(xml, "conference-state", &[])?;
    text(xml, "user-count", &conference.user_count().to_string())?;
    text(xml, "active", "true")?;
    text(
        xml,
        "locked",
        if conference.locked { "true" } else { "false" },
    )?;
    end(xml, "conference-state")
}

fn full_user(xml: &mut Xml, user: &User) -> io::Result<()> {
    start(xml, "user", &[("entity", &user.entity), ("state", "full")])?;
    optional(xml, "display-text", user.display_text.as_deref())?;
    roles(xml, user)?;
    for endpoint in &user.endpoints {
        full_endpoint(xml, endpoint)?;
    }
    end(xml, "user")
}

fn changed_user(xml: &mut Xml, old: &User, new: &User) -> io::Result<()> {
    // A partial element cannot say that a child without `state` has gone.
    if vanished(&old.display_text, &new.display_text)
        || (!old.roles.is_empty() && new.roles.is_empty())
    {
        return full_user(xml, new);
    }
    start(
        xml,
        "user",
        &[("entity", &new.entity), ("state", "partial")],
    )?;
    if old.display_text != new.display_text {
        optional(xml, "display-text", new.display_text.as_deref())?;
    }
    if old.roles != new.roles {
        roles(xml, new)?;
    }
    let find = |user: &User, entity: &str| {
        user.endpoints
            .iter()
            .find(|endpoint| endpoint.entity == entity)
            .cloned()
    };
    for endpoint in &old.endpoints {
        if find(new, &endpoint.entity).is_none() {
            empty(
                xml,
                "endpoint",
                &[("entity", &endpoint.entity), ("state", "deleted")],
            )?;
        }
    }
    for endpoint in &new.endpoints {
        match find(old, &endpoint.entity) {
            None => full_endpoint(xml, endpoint)?,
            Some(old) if old == *endpoint => {}
            Some(old) => changed_endpoint(xml, &old, endpoint)?,
        }
    }
    end(xml, "user")
}

fn roles(xml: &mut Xml, user: &User) -> io::Result<()> {
    if user.roles.is_empty() {
        return Ok(());
    }
    start(xml, "roles", &[])?;
    for role in &user.roles {
        text(xml, "entry", role)?;
    }
    end(xml, "roles")
}

fn full_endpoint(xml: &mut Xml, endpoint: &Endpoint) -> io::Result<()> {
    let nothing = Endpoint {
        entity: String::new(),
        display_text: None,
        status: None,
        joining_method: None,
        disconnection: None,
    };
    endpoint_element(xml, "full", &nothing, endpoint)
}

fn changed_endpoint(xml: &mut Xml, old: &Endpoint, new: &Endpoint) -> io::Result<()> {
    if vanished(&old.display_text, &new.display_text)
        || vanished(&old.status, &new.status)
        || vanished(&old.joining_method, &new.joining_method)
        || vanished(&old.disconnection, &new.disconnection)
        || vanished(&reason(old), &reason(new))
    {
        return full_endpoint(xml, new);
    }
    endpoint_element(xml, "partial", old, new)
}

/// Writes the children of `new` that differ from `old`.
fn endpoint_element(xml: &mut Xml, state: &str, old: &Endpoint, new: &Endpoint) -> io::Result<()> {
    start(
        xml,
        "endpoint",
        &[("entity", &new.entity), ("state", state)],
    )?;
    if old.display_text != new.display_text {
        optional(xml, "display-text", new.display_text.as_deref())?;
    }
    if old.status != new.status {
        optional(xml, "status", new.status.map(|status| status.as_str()))?;
    }
    if old.joining_method != new.joining_method {
        optional(
            xml,
            "joining-method",
            new.joining_method.map(|method| method.as_str()),
        )?;
    }
    if let Some(disconnection) = &new.disconnection
        && old.disconnection != new.disconnection
    {
        text(xml, "disconnection-method", disconnection.method.as_str())?;
        if let Some(reason) = &disconnection.reason {
            start(xml, "disconnection-info", &[])?;
            text(xml, "reason", reason)?;
            end(xml, "disconnection-info")?;
        }
    }
    end(xml, "endpoint")
}

fn reason(endpoint: &Endpoint) -> Option<&String> {
    endpoint.disconnection.as_ref()?.reason.as_ref()
}

fn vanished<T>(old: &Option<T>, new: &Option<T>) -> bool {
    old.is_some() && new.is_none()
}

fn element<'a>(name: &'a str, attributes: &[(&str, &str)]) -> BytesStart<'a> {
    let mut element = BytesStart::new(name);
    for (key, value) in attributes {
        element.push_attribute((*key, &*xml_chars(value)));
    }
    element
}

fn start(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    xml.write_event(Event::Start(element(name, attributes)))
}

fn end(xml: &mut Xml, name: &str) -> io::Result<()> {
    xml.write_event(Event::End(BytesEnd::new(name)))
}

fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    xml.write_event(Event::Empty(element(name, attributes)))
}

fn text(xml: &mut Xml, name: &str, content: &str) -> io::Result<()> {
    start(xml, name, &[])?;
    xml.write_event(Event::Text(BytesText::new(&xml_chars(content))))?;
    end(xml, name)
}

fn optional(xml: &mut Xml, name: &str, content: Option<&str>) -> io::Result<()> {
    content.map_or(Ok(()), |content| text(xml, name, content))
}

/// Replaces what XML 1.0 (production Char) allows in no document, not even escaped.
fn xml_chars(content: &str) -> Cow<'_, str> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    if content.chars().all(allowed) {
        return content.into();
    }
    content
        .chars()
        .map(|c| {
            if allowed(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect::<String>()
        .into()
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
