//! XCAP over HTTP: from a request to its response (RFC 4825 §8).

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, LOCATION, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};

use crate::access::Known;
use crate::address::{Address, MAX_SELECTOR, Selector};
use crate::binding::Bindings;
use crate::condition::{Verdict, weigh};
use crate::conflict::{self, Conflict};
use crate::listener::Peer;
use crate::made;
use crate::node::{self, Node};
use crate::node_selector::{NodeSelector, SelectorFault, Terminal};
use crate::percent;
use crate::server::Shared;
use crate::store::{Document, PutError, Store};
use crate::usage;

/// Longest request body, and longest document, in octets: 413 beyond it; 409 if a document would grow beyond it.
pub const MAX_BODY: usize = 1024 * 1024;

const ALL: &str = "GET, HEAD, PUT, DELETE, OPTIONS";
const READING: &str = "GET, HEAD, OPTIONS";
const AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("authentication-info");

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

/// What a request is about, once its sender may ask for it.
struct Subject {
    selector: Selector,
    node: Option<NodeSelector>,
    /// In a directory that does not exist.
    lost: bool,
    content_type: String,
    /// Made by the server, or bindings: for reading only.
    read_only: bool,
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "*" {
        return with(status(StatusCode::OK), ALLOW, ALL);
    }
    let target = head
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    if target.len() > MAX_SELECTOR {
        return status(StatusCode::URI_TOO_LONG);
    }
    let (selector, node, lost) = match Address::of(head.uri.path()) {
        Address::Document { selector, node } => (selector, node, false),
        Address::Subdirectory { selector } => (selector, None, true),
        Address::Malformed => return status(StatusCode::BAD_REQUEST),
        Address::Unknown => return status(StatusCode::NOT_FOUND),
    };
    let served = usage::of(shared.store().usages(), &selector).cloned();
    let Some(usage) = served.filter(|_| shared.access.recognises(&selector.owner)) else {
        return status(StatusCode::NOT_FOUND);
    };
    // A client signs the target as it sent it.
    let identity = match shared
        .access
        .identify(peer, &head.headers, head.method.as_str(), target)
    {
        Known::Yes(identity, info) => (identity, info),
        Known::Never => return status(StatusCode::FORBIDDEN),
        Known::No(challenges) => {
            let mut response = status(StatusCode::UNAUTHORIZED);
            for challenge in challenges {
                if let Ok(value) = HeaderValue::from_str(&challenge) {
                    response.headers_mut().append(WWW_AUTHENTICATE, value);
                }
            }
            return response;
        }
    };
    let (identity, info) = identity;
    let writes = matches!(head.method, Method::PUT | Method::DELETE);
    let response = if !shared.access.allows(&identity, &selector, writes) {
        status(StatusCode::FORBIDDEN)
    } else {
        match select(node, head.uri.query(), usage.namespace()) {
            Err(SelectorFault::UnboundPrefix) => status(StatusCode::BAD_REQUEST),
            Err(SelectorFault::NotUnderstood) => status(StatusCode::NOT_FOUND),
            Ok(node) => {
                let bindings = node
                    .as_ref()
                    .is_some_and(|node| node.terminal == Terminal::Namespaces);
                let subject = Subject {
                    read_only: usage.is_made() || bindings,
                    content_type: match node.as_ref().map(|node| &node.terminal) {
                        None => usage.content_type().to_owned(),
                        Some(terminal) => node::content_type(terminal).to_owned(),
                    },
                    selector,
                    node,
                    lost,
                };
                serve(&shared, &head, body, subject).await
            }
        }
    };
    match info {
        Some(info) => with(response, AUTHENTICATION_INFO, &info),
        None => response,
    }
}

fn select(
    node: Option<&str>,
    query: Option<&str>,
    namespace: Option<&str>,
) -> Result<Option<NodeSelector>, SelectorFault> {
    let Some(node) = node else {
        return Ok(None);
    };
    let node = percent::decode(node).ok_or(SelectorFault::UnboundPrefix)?;
    let bindings = Bindings::of(query.unwrap_or_default()).ok_or(SelectorFault::UnboundPrefix)?;
    NodeSelector::parse(&node, &bindings, namespace).map(Some)
}

async fn serve(shared: &Shared, head: &Parts, body: Body, subject: Subject) -> Response<Body> {
    let allowed = if subject.read_only { READING } else { ALL };
    match head.method {
        Method::OPTIONS => with(status(StatusCode::OK), ALLOW, allowed),
        Method::GET | Method::HEAD => get(shared, &subject, &head.headers),
        Method::PUT if !subject.read_only => {
            let length = head
                .headers
                .get("content-length")
                .and_then(|value| value.to_str().ok()?.parse().ok());
            if length.is_some_and(|length: u64| length > MAX_BODY as u64) {
                return status(StatusCode::PAYLOAD_TOO_LARGE);
            }
            match to_bytes(body, MAX_BODY).await {
                Ok(body) => put(shared, head, subject, body),
                Err(_) => status(StatusCode::PAYLOAD_TOO_LARGE),
            }
        }
        Method::DELETE if !subject.read_only => delete(shared, &subject, &head.headers),
        _ => with(status(StatusCode::METHOD_NOT_ALLOWED), ALLOW, allowed),
    }
}

/// The document of a subject, kept or made.
fn document(shared: &Shared, store: &Store, subject: &Subject) -> Option<Document> {
    if subject.lost {
        return None;
    }
    let kept = store.document(&subject.selector).cloned();
    kept.or_else(|| made::document(store, &shared.root, &subject.selector))
}

/// RFC 4825 §8.3.
fn get(shared: &Shared, subject: &Subject, headers: &HeaderMap) -> Response<Body> {
    let document = document(shared, &shared.store(), subject);
    let Some(document) = document else {
        return status(StatusCode::NOT_FOUND);
    };
    let body = match &subject.node {
        None => document.body.clone(),
        Some(selector) => match Node::of(&document.body).and_then(|node| node.get(selector)) {
            Some(body) => body.into(),
            None => return status(StatusCode::NOT_FOUND),
        },
    };
    let response = match weigh(headers, Some(&document.etag)) {
        Verdict::NoMatch => return status(StatusCode::PRECONDITION_FAILED),
        Verdict::Match => status(StatusCode::NOT_MODIFIED),
        Verdict::Holds => with(
            Response::new(body.into()),
            CONTENT_TYPE,
            &subject.content_type,
        ),
    };
    let response = with(response, ETAG, &document.etag);
    // RFC 4825 §9: the lists change at any time.
    with(response, CACHE_CONTROL, "no-cache")
}

/// RFC 4825 §8.2. What does not depend on the body is judged first, then the conditions (RFC 9110 §13.2.1), then the body.
fn put(shared: &Shared, head: &Parts, subject: Subject, body: Bytes) -> Response<Body> {
    let mut store = shared.store();
    let headers = &head.headers;
    let directory = format!("{}/{}", shared.root, subject.selector.directory());
    if subject.lost {
        return conflicting(&Conflict::NoParent {
            ancestor: directory,
        });
    }
    let known = store.document(&subject.selector).cloned();
    let document_uri = format!("{}/{}", shared.root, subject.selector.uri());
    let node = match (&subject.node, &known) {
        (None, _) => None,
        (Some(_), None) => {
            return conflicting(&Conflict::NoParent {
                ancestor: directory,
            });
        }
        (Some(selector), Some(document)) => {
            match Node::of(&document.body).map(|node| (node.parent(selector), node)) {
                Some((Ok(parent), node)) => Some((selector, node, parent)),
                Some((Err(steps), _)) => {
                    let ancestor = node::ancestor(&document_uri, selector, steps, head.uri.query());
                    return conflicting(&Conflict::NoParent { ancestor });
                }
                None => return status(StatusCode::INTERNAL_SERVER_ERROR),
            }
        }
    };
    // Parts of documents, and codings, are nothing that XCAP knows (RFC 9110 §14.5, §8.4).
    if headers.contains_key(CONTENT_RANGE) {
        return status(StatusCode::BAD_REQUEST);
    }
    let given = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let Some(charset) = given.and_then(|given| charset(given, &subject.content_type)) else {
        return status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    };
    if headers.contains_key(CONTENT_ENCODING) {
        return status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    if weigh(headers, known.as_ref().map(|known| known.etag.as_str())) != Verdict::Holds {
        return status(StatusCode::PRECONDITION_FAILED);
    }
    if !charset.is_none_or(|charset| {
        ["utf-8", "us-ascii"].contains(&charset.to_ascii_lowercase().as_str())
    }) {
        return conflicting(&Conflict::NotUtf8);
    }
    let (created, body) = match node {
        None => (known.is_none(), body),
        Some((selector, node, parent)) => match node.put(selector, parent, &body) {
            Ok(edited) => (edited.created, Bytes::from(edited.text)),
            Err(conflict) => return conflicting(&conflict),
        },
    };
    match store.put(subject.selector, body) {
        Ok(etag) if created => {
            let location = head
                .uri
                .path_and_query()
                .map_or("", |target| target.as_str());
            let response = with(status(StatusCode::CREATED), ETAG, &etag);
            with(response, LOCATION, location)
        }
        Ok(etag) => with(status(StatusCode::OK), ETAG, &etag),
        Err(error) => refused(&error),
    }
}

fn refused(error: &PutError) -> Response<Body> {
    match error {
        PutError::Conflict { conflict, .. } => conflicting(conflict),
        PutError::Usage { .. } => status(StatusCode::NOT_FOUND),
        PutError::Full { .. } => {
            tracing::warn!("{error}");
            status(StatusCode::INSUFFICIENT_STORAGE)
        }
        PutError::Folder { .. } => {
            tracing::warn!("{error}");
            status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The charset that comes with this type; `None` if it is another type.
fn charset<'a>(given: &'a str, wanted: &str) -> Option<Option<&'a str>> {
    let mut parts = given.split(';').map(str::trim);
    if !parts
        .next()
        .unwrap_or_default()
        .eq_ignore_ascii_case(wanted)
    {
        return None;
    }
    Some(parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    }))
}

/// RFC 4825 §8.4.
fn delete(shared: &Shared, subject: &Subject, headers: &HeaderMap) -> Response<Body> {
    let mut store = shared.store();
    let known = store.document(&subject.selector).cloned();
    // RFC 9110 §13.2.1: conditions count only where the request would succeed without them.
    let Some(document) = known.filter(|_| !subject.lost) else {
        return status(StatusCode::NOT_FOUND);
    };
    let edited = match &subject.node {
        None => None,
        Some(selector) => match Node::of(&document.body).and_then(|node| node.delete(selector)) {
            Some(edited) => Some(edited),
            None => return status(StatusCode::NOT_FOUND),
        },
    };
    if weigh(headers, Some(&document.etag)) != Verdict::Holds {
        return status(StatusCode::PRECONDITION_FAILED);
    }
    match edited {
        None => match store.delete(&subject.selector) {
            Ok(_) => status(StatusCode::OK),
            Err(error) => {
                tracing::warn!(%error, "a document could not be deleted");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        },
        Some(Err(conflict)) => conflicting(&conflict),
        Some(Ok(text)) => match store.put(subject.selector.clone(), text.into()) {
            Ok(etag) => with(status(StatusCode::OK), ETAG, &etag),
            Err(error) => refused(&error),
        },
    }
}

fn conflicting(conflict: &Conflict) -> Response<Body> {
    let mut response = status(StatusCode::CONFLICT);
    *response.body_mut() = conflict::report(conflict).into();
    with(response, CONTENT_TYPE, conflict::CONTENT_TYPE)
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    // What came in a header fits in one.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
