//! XCAP over HTTP: GET, HEAD, PUT and DELETE of whole documents (RFC 4825 §8).

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName};
use axum::http::{HeaderValue, Method, Response, StatusCode};

use crate::condition::{Verdict, weigh};
use crate::conflict;
use crate::selector::{Selector, Target};
use crate::store::{PutError, Store};

/// Longest request body, in octets; 413 beyond it.
pub const MAX_BODY: usize = 1024 * 1024;

const ALLOWED: &str = "GET, HEAD, PUT, DELETE";

type Shared = Arc<Mutex<Store>>;

pub(crate) fn router(store: Shared) -> Router {
    Router::new().fallback(answer).with_state(store)
}

async fn answer(State(store): State<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let selector = match Target::of(head.uri.path()) {
        Target::Document(selector) => selector,
        Target::Node => return status(StatusCode::NOT_IMPLEMENTED),
        Target::Unknown => return status(StatusCode::NOT_FOUND),
    };
    match head.method {
        Method::GET | Method::HEAD => get(&store, &selector, &head.headers),
        Method::PUT => match to_bytes(body, MAX_BODY).await {
            Ok(body) => put(&store, selector, &head.headers, body),
            Err(_) => status(StatusCode::PAYLOAD_TOO_LARGE),
        },
        Method::DELETE => delete(&store, &selector, &head.headers),
        _ => with(status(StatusCode::METHOD_NOT_ALLOWED), ALLOW, ALLOWED),
    }
}

fn get(store: &Shared, selector: &Selector, headers: &HeaderMap) -> Response<Body> {
    let store = lock(store);
    let Some(document) = store.document(selector) else {
        return status(StatusCode::NOT_FOUND);
    };
    let response = match weigh(headers, Some(&document.etag)) {
        Verdict::NoMatch => return status(StatusCode::PRECONDITION_FAILED),
        Verdict::Match => status(StatusCode::NOT_MODIFIED),
        Verdict::Holds => with(
            Response::new(document.body.clone().into()),
            CONTENT_TYPE,
            &document.content_type,
        ),
    };
    let response = with(response, ETAG, &document.etag);
    // RFC 4825 §9: the lists change at any time.
    with(response, CACHE_CONTROL, "no-cache")
}

fn put(store: &Shared, selector: Selector, headers: &HeaderMap, body: Bytes) -> Response<Body> {
    let mut store = lock(store);
    let etag = store.document(&selector).map(|known| known.etag.as_str());
    let created = etag.is_none();
    if weigh(headers, etag) != Verdict::Holds {
        return status(StatusCode::PRECONDITION_FAILED);
    }
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    match store.put(selector, content_type, body) {
        Ok(etag) if created => with(status(StatusCode::CREATED), ETAG, &etag),
        Ok(etag) => with(status(StatusCode::OK), ETAG, &etag),
        Err(PutError::ContentType { .. }) => status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        Err(PutError::Conflict { fault, .. }) => {
            let mut response = status(StatusCode::CONFLICT);
            *response.body_mut() = conflict::report(fault).into();
            with(response, CONTENT_TYPE, conflict::CONTENT_TYPE)
        }
    }
}

fn delete(store: &Shared, selector: &Selector, headers: &HeaderMap) -> Response<Body> {
    let mut store = lock(store);
    // RFC 9110 §13.2.1: conditions count only where the request would succeed without them.
    let Some(document) = store.document(selector) else {
        return status(StatusCode::NOT_FOUND);
    };
    if weigh(headers, Some(&document.etag)) != Verdict::Holds {
        return status(StatusCode::PRECONDITION_FAILED);
    }
    store.delete(selector);
    status(StatusCode::OK)
}

pub(crate) fn lock(store: &Mutex<Store>) -> std::sync::MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    // A type that came in a header fits in one.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
