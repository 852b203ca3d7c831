//! The body of a 504 by which an IMS core asks for an initial registration (TS 24.229 §5.1.2A.1.6, §7.6; IMS-41, IMS-42).

use alloc::string::String;

use crate::header::{self, MediaType};
use crate::message::Response;
use crate::registration::Registration;
use crate::xml::{Event, Limits, Reader};

/// Type of the body.
const MEDIA: &str = "application/3gpp-ims+xml";
/// A body over this many bytes is none of these.
const MAX_BODY: usize = 16 * 1024;

/// True when the core says that the user's S-CSCF is gone and he is to register anew: the body says so, and it comes from
/// a proxy of his registration.
pub(crate) fn asks_for_registration(response: &Response, registration: &Registration) -> bool {
    let media = response.headers.get("Content-Type");
    response.status == 504
        && media
            .and_then(MediaType::parse)
            .is_some_and(|media| media.is(MEDIA))
        && says_so(&response.body)
        && is_from_own_proxy(response, registration)
}

/// P-Asserted-Identity names a proxy of the Service-Route or the Path.
fn is_from_own_proxy(response: &Response, registration: &Registration) -> bool {
    let asserted = header::addresses(response.headers.all("P-Asserted-Identity"));
    let routes = registration.service_route.iter().flatten();
    let routes = header::addresses(routes.map(String::as_str));
    let path = registration.path.iter().flatten().map(String::as_str);
    let own = || {
        let routes = routes.iter().map(|route| route.uri.as_str());
        routes.chain(path.clone())
    };
    asserted
        .iter()
        .any(|address| own().any(|proxy| crate::registration::same_uri(&address.uri, proxy)))
}

/// Alternative service of type `restoration` with the action `initial-registration`; whatever else is there is ignored.
fn says_so(body: &[u8]) -> bool {
    let limits = Limits {
        body: MAX_BODY,
        ..Limits::default()
    };
    read(body, limits).unwrap_or(false)
}

fn read(body: &[u8], limits: Limits) -> Result<bool, crate::xml::Error> {
    let mut xml = Reader::new(body, limits)?;
    let (mut restoration, mut registration) = (false, false);
    match xml.read_markup()? {
        Some(Event::Start(root)) if root.local == "ims-3gpp" => {}
        _ => return Ok(false),
    }
    while let Some(event) = xml.read_markup()? {
        let Event::Start(name) = event else { continue };
        if name.local != "alternative-service" {
            xml.skip()?;
            continue;
        }
        while let Some(Event::Start(child)) = xml.read_markup()? {
            match child.local {
                "type" => restoration |= text(&mut xml)?.trim() == "restoration",
                "action" => registration |= text(&mut xml)?.trim() == "initial-registration",
                _ => xml.skip()?,
            }
        }
    }
    Ok(restoration && registration)
}

/// Text of the element that has begun, its end included.
pub(crate) fn text(xml: &mut Reader<'_>) -> Result<String, crate::xml::Error> {
    let mut content = String::new();
    loop {
        match xml.read()? {
            Some(Event::Text(text)) => text.push_to(&mut content),
            Some(Event::Start(_)) => xml.skip()?,
            Some(Event::End) | None => return Ok(content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Headers;

    const BODY: &str = "<?xml version=\"1.0\"?><ims-3gpp version=\"1\"><alternative-service><type>restoration</type>\
        <reason>down</reason><action>initial-registration</action></alternative-service></ims-3gpp>";

    fn asks(body: &str, asserted: Option<&str>, media: &str) -> bool {
        let mut headers = Headers::new();
        headers.push("Content-Type", media);
        if let Some(asserted) = asserted {
            headers.push("P-Asserted-Identity", asserted);
        }
        let response = Response {
            status: 504,
            reason: String::new(),
            headers,
            body: body.into(),
        };
        let registration = Registration {
            service_route: Some(["<sip:orig@s.test:6060;lr>".into()].into()),
            path: Some(["sip:term@p.test;lr".into()].into()),
            ..Registration::default()
        };
        asks_for_registration(&response, &registration)
    }

    /// IMS-41, IMS-42, IMS-43: the right body from an own proxy, and nothing else; what is not known is ignored.
    #[test]
    fn restoration() {
        let own = Some("<sip:orig@s.test:6060>");
        assert!(asks(BODY, own, MEDIA));
        assert!(asks(
            BODY,
            Some("<sip:term@p.test>"),
            "Application/3GPP-IMS+XML;charset=utf-8"
        ));
        assert!(!asks(BODY, None, MEDIA));
        assert!(!asks(BODY, Some("<sip:orig@other.test:6060>"), MEDIA));
        assert!(!asks(BODY, own, "text/xml"));
        let other = |from, to| BODY.replace(from, to);
        assert!(!asks(
            &other("initial-registration", "emergency-registration"),
            own,
            MEDIA
        ));
        assert!(!asks(&other(">restoration", ">emergency"), own, MEDIA));
        assert!(!asks(&other("</ims-3gpp>", ""), own, MEDIA));
        assert!(!asks(&other("ims-3gpp", "ims"), own, MEDIA));
        assert!(!asks("", own, MEDIA));
        let more = other("<reason>", "<x:y xmlns:x='z'>a<b/></x:y><reason>");
        assert!(asks(
            &more.replace("version=\"1\"", "version=\"7\" xmlns=\"urn:x\""),
            own,
            MEDIA
        ));
        let long = other("down", &"x".repeat(MAX_BODY));
        assert!(!asks(&long, own, MEDIA));
    }
}
