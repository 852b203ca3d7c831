//! What the engine asks for, as what libre wants: text of headers, bare routes, parameters of the Contact.

use rollmark_core::host::{Action, SubscriptionId};
use rollmark_core::message::Headers;

/// Headers that libre writes by itself.
const WRITTEN_BY_HOST: [&str; 4] = ["Event", "Expires", "Contact", "User-Agent"];

/// Something for baresip to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Subscribe {
        id: u64,
        /// URI of the account.
        account: String,
        target: String,
        routes: Vec<String>,
        event: String,
        expires: u32,
        headers: String,
        contact: String,
    },
    Request {
        id: u64,
        /// Headers and body, ready to be sent.
        text: String,
        contact: String,
    },
    Forget {
        id: u64,
    },
    Say(String),
}

impl Deed {
    /// Turns an action into a deed; `account` is the URI of the account that a SUBSCRIBE is of.
    pub(crate) fn of(action: Action, account: impl FnOnce(SubscriptionId) -> String) -> Self {
        match action {
            Action::Subscribe {
                subscription,
                target,
                route,
                headers,
                ..
            } => Self::Subscribe {
                id: subscription.0,
                account: account(subscription),
                target,
                routes: route.iter().map(|route| bare_route(route)).collect(),
                event: headers.get("Event").unwrap_or_default().to_owned(),
                expires: headers
                    .get("Expires")
                    .and_then(|expires| expires.parse().ok())
                    .unwrap_or_default(),
                contact: contact_parameters(&headers),
                headers: lines(&headers, &WRITTEN_BY_HOST),
            },
            Action::Refresh {
                subscription,
                headers,
                body,
            } => request(subscription, &headers, &body),
            Action::Unsubscribe {
                subscription,
                headers,
            } => request(subscription, &headers, &[]),
            Action::Forget { subscription } => Self::Forget { id: subscription.0 },
            // Only transaction hosts are asked for more.
            other => Self::Say(format!("conference: baresip cannot do {other:?}")),
        }
    }
}

fn request(subscription: SubscriptionId, headers: &Headers, body: &[u8]) -> Deed {
    let mut text = lines(headers, &["Contact", "User-Agent"]);
    let body = String::from_utf8_lossy(body);
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    Deed::Request {
        id: subscription.0,
        text,
        contact: contact_parameters(headers),
    }
}

fn lines(headers: &Headers, without: &[&str]) -> String {
    headers
        .iter()
        .filter(|header| {
            !without
                .iter()
                .any(|name| header.name.eq_ignore_ascii_case(name))
        })
        .map(|header| format!("{}: {}\r\n", header.name, header.value))
        .collect()
}

/// What stands behind the URI of the Contact; the URI itself is baresip's.
fn contact_parameters(headers: &Headers) -> String {
    let contact = headers.get("Contact").unwrap_or_default();
    contact
        .split_once('>')
        .map_or("", |(_, parameters)| parameters)
        .to_owned()
}

/// libre puts each route between `<` and `;lr>` itself.
fn bare_route(route: &str) -> String {
    let uri = route.trim().trim_start_matches('<');
    let uri = uri.split('>').next().unwrap_or_default();
    uri.strip_suffix(";lr").unwrap_or(uri).to_owned()
}
