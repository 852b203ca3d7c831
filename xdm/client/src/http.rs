//! Carries requests out with reqwest and rustls: time-outs, size limit, named errors (XDM-16, SEC-13).

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::client::{HttpRequest, HttpResponse, place};
use crate::document::MAX_DOCUMENT;

/// Longest wait for a connection, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a whole response, connection included.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How requests are carried out.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// PEM file with certificates to be trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Default [`CONNECT_TIMEOUT`].
    pub connect_timeout: Duration,
    /// Default [`TIMEOUT`].
    pub timeout: Duration,
    /// Largest response body in octets. Default [`MAX_DOCUMENT`].
    pub max_body: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            max_body: MAX_DOCUMENT,
        }
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The CA file cannot be read.
    #[error("the CA file {} cannot be read: {source}; give a PEM file with certificates", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The CA file holds no certificate that can be used.
    #[error("the CA file {} holds no usable certificate: give certificates in PEM form", path.display())]
    CaCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No HTTP client can be made here.
    #[error("no HTTP client can be set up: {source}")]
    Client {
        /// Why.
        source: reqwest::Error,
    },
    /// The request holds a header or URL that HTTP cannot carry.
    #[error("{url} cannot be asked for: the request holds a {part} that HTTP cannot carry")]
    Request {
        /// What was to be asked for.
        url: String,
        /// `header` or `URL`.
        part: &'static str,
    },
    /// The host name has no address.
    #[error("the host of {url} is not known: check the name in the XCAP root, and DNS")]
    NameNotFound {
        /// What was asked for.
        url: String,
    },
    /// Nobody listens there.
    #[error(
        "{url} refuses the connection: check host and port of the XCAP root, and whether the XDMS runs"
    )]
    ConnectionRefused {
        /// What was asked for.
        url: String,
    },
    /// No connection for another reason.
    #[error("{url} cannot be reached ({reason}): check the network and the XCAP root")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Innermost reason.
        reason: String,
    },
    /// TLS failed, certificate and host name checks included (SEC-13).
    #[error(
        "{url} is not trusted or does not speak TLS ({source}): check the port, or name its CA with a CA file"
    )]
    Tls {
        /// What was asked for.
        url: String,
        /// Why.
        source: rustls::Error,
    },
    /// No whole response in time.
    #[error("{url} did not answer within {after:?}")]
    Timeout {
        /// What was asked for.
        url: String,
        /// The time-out.
        after: Duration,
    },
    /// The body is larger than the limit.
    #[error("{url} is larger than {limit} octets, which is the limit")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("{url} broke off or did not speak HTTP ({reason})")]
    Broken {
        /// What was asked for.
        url: String,
        /// Innermost reason.
        reason: String,
    },
}

/// Carries requests out, one connection pool for all. Redirects are not followed, proxies not used.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    timeout: Duration,
    connect_timeout: Duration,
    max_body: usize,
    observer: Observer,
}

/// A request and what came of it, as it was sent: with what authenticates it.
#[derive(Clone, Copy, Debug)]
pub struct Exchanged<'a> {
    /// The request.
    pub request: &'a HttpRequest,
    /// The response, or why there is none.
    pub outcome: Result<&'a HttpResponse, &'a HttpError>,
    /// How long it took.
    pub took: Duration,
}

type Observe = dyn Fn(Exchanged<'_>) + Send + Sync;

/// Who is shown each exchange.
#[derive(Clone, Default)]
struct Observer(Option<Arc<Observe>>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "None" })
    }
}

impl Http {
    /// Sets the client up; reads the CA file.
    ///
    /// If the process has no default crypto provider for rustls yet, ring becomes it.
    pub fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        // Fails when there is one already, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .tls_version_min(reqwest::tls::Version::TLS_1_2)
                .connect_timeout(settings.connect_timeout)
                .timeout(settings.timeout)
        };
        let mut builder = plain();
        if let Some(path) = &settings.ca_file {
            let pem = std::fs::read(path).map_err(|source| HttpError::CaFile {
                path: path.clone(),
                source,
            })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if certificates.is_empty() {
                let path = path.clone();
                return Err(HttpError::CaCertificate { path });
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder
            .build()
            .or_else(|error| match settings.ca_file {
                // A machine without any certificates trusts no https server, and needs none for http.
                None => plain().tls_certs_only([]).build(),
                Some(_) => Err(error),
            })
            .map_err(|source| match (&settings.ca_file, tls_error(&source)) {
                (Some(path), Some(_)) => HttpError::CaCertificate { path: path.clone() },
                _ => HttpError::Client { source },
            })?;
        Ok(Self {
            client,
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            max_body: settings.max_body,
            observer: Observer::default(),
        })
    }

    /// Shows each exchange to `observer`, which must not wait: for a log, or a recording. What authenticates is in it.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(Exchanged<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer(Some(Arc::new(observer)));
        self
    }

    /// Sends a request and reads the response, whatever its status.
    pub async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let begun = tokio::time::Instant::now();
        let outcome = self.carry_out(request).await;
        let took = begun.elapsed();
        let status = outcome.as_ref().map(|response| response.status);
        tracing::debug!(method = %request.method, status = status.ok(), ?took, "XCAP request");
        #[cfg(feature = "metrics")]
        crate::metrics::requested(request.method, status, took);
        if let Some(observer) = &self.observer.0 {
            observer(Exchanged {
                request,
                outcome: outcome.as_ref(),
                took,
            });
        }
        outcome
    }

    async fn carry_out(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let url = &request.url;
        let bad = |part| HttpError::Request {
            url: place(url).to_owned(),
            part,
        };
        let method = reqwest::Method::from_bytes(request.method.as_bytes());
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("header"))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad("header"))?;
            headers.append(name, value);
        }
        let mut response = self
            .client
            .request(method.map_err(|_| bad("method"))?, url)
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await
            .map_err(|error| self.name_error(url, &error))?;

        let too_large = || HttpError::TooLarge {
            url: place(url).to_owned(),
            limit: self.max_body,
        };
        if response
            .content_length()
            .is_some_and(|length| length > self.max_body as u64)
        {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.name_error(url, &error))?
        {
            if body.len() + chunk.len() > self.max_body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse {
            status: response.status().as_u16(),
            // A value that is not UTF-8 could not be given back octet by octet: such a header is left out.
            headers: response
                .headers()
                .iter()
                .filter_map(|(name, value)| {
                    let value = str::from_utf8(value.as_bytes()).ok()?;
                    Some((name.as_str().to_owned(), value.to_owned()))
                })
                .collect(),
            body,
        })
    }

    fn name_error(&self, url: &str, error: &reqwest::Error) -> HttpError {
        let url = place(url).to_owned();
        if error.is_timeout() {
            let after = match error.is_connect() {
                true => self.connect_timeout.min(self.timeout),
                false => self.timeout,
            };
            return HttpError::Timeout { url, after };
        }
        if error.is_dns() {
            return HttpError::NameNotFound { url };
        }
        if let Some(source) = tls_error(error) {
            return HttpError::Tls { url, source };
        }
        if error.is_builder() {
            return HttpError::Request { url, part: "URL" };
        }
        let refused = chain(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused);
        if refused {
            return HttpError::ConnectionRefused { url };
        }
        let reason = chain(error)
            .last()
            .map_or_else(String::new, ToString::to_string);
        match error.is_connect() {
            true => HttpError::Unreachable { url, reason },
            false => HttpError::Broken { url, reason },
        }
    }
}

/// An error and all that caused it, outermost first. What an I/O error wraps is its cause too; `source()`
/// would pass over it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// What rustls found fault with.
fn tls_error(error: &reqwest::Error) -> Option<rustls::Error> {
    chain(error).find_map(|cause| cause.downcast_ref().cloned())
}
