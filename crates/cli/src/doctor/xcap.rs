//! The XDMS that holds the block list: root, capabilities, authentication, document, list, references (RFC 4825, RFC 4826).

use std::time::{Duration, Instant};

use rollmark::SourceState;
use rollmark::core::digest::Credentials;
use rollmark_xdm::client::{Failure, Fetched, Settings, Target};
use rollmark_xdm::resource_lists;
use rollmark_xdm::selector::{DocumentSelector, INDEX, RESOURCE_LISTS, XCAP_CAPS, XcapRoot};
use rollmark_xdm::source::{Followed, Polling, XdmsSource};
use rollmark_xdm::{Connection, Http, HttpError, HttpSettings, XdmsError};
use rustls::RootCertStore;
use url::Url;

use super::args::Doctor;
use super::check::{Examination, Finding, Id, failed, note, ok};
use super::{reach, tls, xcap_write};

const ROOT: &str = "RFC 4825 §6.1";
const CAPS: &str = "RFC 4825 §12";
const AUTHENTICATION: &str = "RFC 4825 §13, TS 24.623 §5.2.3";
const DOCUMENT: &str = "RFC 4826 §3.4, OMA XDM Shared List";
const LIST: &str = "RFC 4826 §3.2";
const REFERENCES: &str = "RFC 4826 §3.2, §3.3";

const RULES: &str = "RFC 4745, OMA XDM Shared Policy, RFC 5025";

const BEHIND_ROOT: [Id; 7] = [
    Id::XcapCaps,
    Id::XcapAuthentication,
    Id::XcapDocument,
    Id::XcapList,
    Id::XcapReferences,
    Id::XcapRules,
    Id::XcapWrite,
];
const LISTS: [Id; 2] = [Id::XcapList, Id::XcapReferences];

/// An XDMS, and who asks it.
pub(crate) struct Xdms<'a> {
    pub(crate) args: &'a Doctor,
    /// Whose documents; in an IMS an identity that the core allows.
    pub(crate) identity: Option<&'a str>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) ims: bool,
    pub(crate) patience: Duration,
}

type Answer = Result<Option<Fetched>, XdmsError>;

/// Goes through the XDMS; what a notifier is to tell of, relative to the root.
pub(crate) async fn examine(found: &mut Examination, xdms: &Xdms<'_>) -> Option<Vec<String>> {
    let (Some(text), Some(identity)) = (&xdms.args.lists.xcap_root, xdms.identity) else {
        let because = "no XDMS is named (--xcap-root)";
        found.skip(Id::XcapRoot, because);
        found.skip_all(&BEHIND_ROOT, because);
        return None;
    };
    let since = Instant::now();
    let begun = match Begun::new(xdms, text, identity) {
        Ok(begun) => begun,
        Err(finding) => {
            found.add(Id::XcapRoot, since, format!("read {text}"), ROOT, finding);
            found.skip_all(&BEHIND_ROOT, "the XCAP root cannot be used");
            return None;
        }
    };
    begun.examine(found, xdms, since).await;
    begun.documents(identity)
}

/// How the XDMS is asked.
struct Begun {
    root: XcapRoot,
    capabilities: DocumentSelector,
    list: DocumentSelector,
    /// Without a password.
    stranger: Connection,
    own: Connection,
}

impl Begun {
    fn new(xdms: &Xdms<'_>, text: &str, identity: &str) -> Result<Self, Finding> {
        let wrong = |error: &dyn std::fmt::Display| {
            failed(
                error.to_string(),
                "give --xcap-root as https://HOST/PATH, and your identity with --as",
            )
        };
        let root = XcapRoot::parse(text).map_err(|error| wrong(&error))?;
        let lists = &xdms.args.lists;
        let settings = lists.http.settings(lists.xcap_ca.clone());
        let http = Http::new(&HttpSettings {
            connect_timeout: settings.connect_timeout.min(xdms.patience),
            timeout: settings.timeout.min(xdms.patience),
            ..settings
        })
        .map_err(|error| failed(error.to_string(), "give another file with --xcap-ca"))?;
        let settings = |credentials| Settings {
            credentials,
            intended_identity: xdms.ims.then(|| identity.to_owned()),
            ..Settings::default()
        };
        Ok(Self {
            capabilities: DocumentSelector::global(root.clone(), XCAP_CAPS, INDEX)
                .map_err(|error| wrong(&error))?,
            list: DocumentSelector::resource_lists(root.clone(), identity)
                .map_err(|error| wrong(&error))?,
            root,
            stranger: Connection::new(http.clone(), settings(None)),
            own: Connection::new(http, settings(xdms.credentials.clone())),
        })
    }

    /// What the sources of a softphone read there, for a notifier.
    fn documents(&self, identity: &str) -> Option<Vec<String>> {
        let sources =
            XdmsSource::usual(&self.own, &self.root, identity, Polling::default()).ok()?;
        Some(Followed::new(sources.iter().map(XdmsSource::control)).documents())
    }

    async fn examine(&self, found: &mut Examination, xdms: &Xdms<'_>, since: Instant) {
        let (mut stranger, mut own) = (self.stranger.clone(), self.own.clone());
        let list = Target::document(&self.list);
        let asked = stranger.get(list.clone()).await;
        let did = format!("GET {}", list.url());
        if let Err(XdmsError::Http(error)) = &asked {
            let finding = unreachable(xdms, list.url(), error).await;
            found.add(Id::XcapRoot, since, did, ROOT, finding);
            found.skip_all(&BEHIND_ROOT, "the XDMS cannot be reached");
            return;
        }
        let capabilities = own.capabilities(&self.root).await;
        let document = own.get(list.clone()).await;
        let nothing = matches!((&capabilities, &document), (Ok(None), Ok(None)));
        let did = format!("{did}, and the capabilities");
        if nothing {
            let got = "nothing is below this root: neither the capabilities, which every XDMS has, nor a document (404)";
            let mend = "check the path of --xcap-root: the AUIDs (resource-lists, xcap-caps …) come directly behind it";
            found.add(Id::XcapRoot, since, did, ROOT, failed(got, mend));
            found.skip_all(&BEHIND_ROOT, "nothing is below this root");
            return;
        }
        let finding = reached(xdms, list.url()).await;
        found.add(Id::XcapRoot, since, did, ROOT, finding);
        match &capabilities {
            Err(XdmsError::Failure(failure)) if is_about_password(failure) => {
                found.skip(Id::XcapCaps, "the XDMS does not let this user in");
            }
            capabilities => {
                let did = format!("GET {}", self.capabilities.url());
                found.add(Id::XcapCaps, since, did, CAPS, known(capabilities));
            }
        }
        let did = format!("GET {}, without and with the password", list.url());
        let (finding, well) = authenticated(xdms, &asked, &document);
        found.add(Id::XcapAuthentication, since, did, AUTHENTICATION, finding);
        if !well {
            let because = "the XDMS does not let this user in";
            found.skip(Id::XcapDocument, because);
            found.skip_all(&LISTS, because);
            found.skip_all(&[Id::XcapRules, Id::XcapWrite], because);
            return;
        }
        let did = format!("GET {}", list.url());
        found.add(Id::XcapDocument, since, did, DOCUMENT, fetched(&document));
        match &document {
            Err(_) => found.skip_all(&LISTS, "the document could not be had"),
            Ok(None) => found.skip_all(&LISTS, "there is no document yet"),
            Ok(Some(document)) => self.members(found, xdms, document).await,
        }
        self.rules(found, xdms).await;
        match document {
            Err(_) => found.skip(Id::XcapWrite, "the document could not be had"),
            Ok(document) => {
                xcap_write::examine(found, xdms, own, &self.list, document.as_ref()).await
            }
        }
    }

    /// The documents with rules that block, which a softphone reads, too.
    async fn rules(&self, found: &mut Examination, xdms: &Xdms<'_>) {
        let since = Instant::now();
        let xui = self.list.xui().unwrap_or_default();
        let Ok(sources) = XdmsSource::usual(&self.own, &self.root, xui, Polling::default()) else {
            found.skip(Id::XcapRules, "the identity names no user of an XDMS");
            return;
        };
        let (mut said, mut faults) = (Vec::new(), Vec::new());
        for mut source in sources {
            let name = source.selector().auid().to_owned();
            if name == RESOURCE_LISTS {
                continue;
            }
            match tokio::time::timeout(xdms.patience * 2, source.next()).await {
                Ok(update) if update.state == SourceState::Empty => {
                    said.push(format!("{name}: none"))
                }
                Ok(update) if update.state == SourceState::Fresh => {
                    let rules = update.list.and_then(|list| list.rules);
                    let count = rules.map_or(0, |rules| rules.rules.len());
                    said.push(format!("{name}: {count}"));
                }
                Ok(_) => faults.push(
                    source
                        .last_error()
                        .unwrap_or("it cannot be read whole")
                        .to_owned(),
                ),
                Err(_) => faults.push(format!("{name}: not read in time")),
            }
        }
        let did = "read the rules that can block: access-rules, pres-rules";
        let finding = match faults.as_slice() {
            [] => ok(said.join("; ")),
            faults => failed(
                faults.join("; "),
                "until they can be read nobody is known to be clear: have the document put right, or the user let in",
            ),
        };
        found.add(Id::XcapRules, since, did, RULES, finding);
    }

    /// Who is on the list, how many that is; nobody is named (SEC-14).
    async fn members(&self, found: &mut Examination, xdms: &Xdms<'_>, document: &Fetched) {
        let since = Instant::now();
        let did = "read the list oma_blockedcontacts";
        let list = match resource_lists::parse(&document.body, self.list.xui()) {
            Ok(list) => list,
            Err(error) => {
                let mend = "until it can be read nobody is known to be clear: have the document put right, or replace it (rollmark xdm get resource-lists shows it)";
                found.add(
                    Id::XcapList,
                    since,
                    did,
                    LIST,
                    failed(error.to_string(), mend),
                );
                found.skip(Id::XcapReferences, "the list cannot be read");
                return;
            }
        };
        let count = list.entries.len();
        let plural = if count == 1 { "entry" } else { "entries" };
        found.add(
            Id::XcapList,
            since,
            did,
            LIST,
            ok(format!("{count} {plural} in the document itself")),
        );
        let since = Instant::now();
        let did = "followed the references in the list";
        if list.complete {
            found.add(
                Id::XcapReferences,
                since,
                did,
                REFERENCES,
                ok("none lead elsewhere"),
            );
            return;
        }
        let source = XdmsSource::new(self.own.clone(), self.list.clone(), Polling::default());
        let mut source = source.with_reading(xdms.args.lists.anchors.reading());
        let update = tokio::time::timeout(xdms.patience * 2, source.next()).await;
        let mend = "users who are blocked by way of this reference are not known, so nobody is known to be clear: put the reference right, or take it out";
        let finding = match update {
            Ok(update) if update.state == SourceState::Fresh => {
                let count = update.list.map_or(0, |list| list.entries.len());
                ok(format!("all of them, {count} entries in the end"))
            }
            Ok(_) => {
                let why = source
                    .last_error()
                    .unwrap_or("one leads nowhere, or to another server");
                failed(why.to_owned(), mend)
            }
            Err(_) => failed(
                format!("not all of them in {} s", (xdms.patience * 2).as_secs()),
                mend,
            ),
        };
        found.add(Id::XcapReferences, since, did, REFERENCES, finding);
    }
}

/// The certificate, where there is one; what is not asked of an `http:` root.
async fn certificate(xdms: &Xdms<'_>, url: &Url) -> Option<Finding> {
    if url.scheme() != "https" {
        return None;
    }
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default()?;
    let addresses = tokio::net::lookup_host((host.as_str(), port)).await.ok()?;
    let addresses: Vec<_> = addresses.collect();
    let connection = reach::connect(&addresses, xdms.patience).await.ok()?;
    let roots = match &xdms.args.lists.xcap_ca {
        Some(file) => rollmark_ua::authorities(Some(file)).ok()?,
        // The system's are known to the HTTP client alone.
        None => RootCertStore::empty(),
    };
    if roots.is_empty() {
        return None;
    }
    Some(tls::examine(connection, &host, roots, xdms.patience).await)
}

async fn reached(xdms: &Xdms<'_>, url: &Url) -> Finding {
    if url.scheme() == "http" {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        return match local {
            true => ok("it answers (http)"),
            false => note(
                "it answers, by http: the list goes in the clear",
                "use an https: root",
            ),
        };
    }
    match certificate(xdms, url).await {
        Some(finding) if !finding.has_failed() => finding,
        // Another authority than that of the file vouches for it, and the client is content.
        _ => ok("it answers, over TLS that can be trusted"),
    }
}

async fn unreachable(xdms: &Xdms<'_>, url: &Url, error: &HttpError) -> Finding {
    if let HttpError::Tls { .. } = error
        && let Some(finding) = certificate(xdms, url).await
        && finding.has_failed()
    {
        return finding;
    }
    let mend = match error {
        HttpError::NameNotFound { .. } => {
            "check the host in --xcap-root, and the DNS of this machine"
        }
        HttpError::ConnectionRefused { .. } => {
            "check host and port of --xcap-root, and that the XDMS runs"
        }
        HttpError::Tls { .. } => {
            "name the authority of its certificate with --xcap-ca, or have the certificate put right"
        }
        HttpError::Timeout { .. } => "check --xcap-root, and firewalls on the way",
        _ => "check --xcap-root: it must be that of an HTTP server",
    };
    failed(error.to_string(), mend)
}

fn known(
    capabilities: &Result<Option<rollmark_xdm::capabilities::Capabilities>, XdmsError>,
) -> Finding {
    match capabilities {
        Ok(Some(known)) if known.has(RESOURCE_LISTS) => ok(known.auids.join(", ")),
        Ok(Some(known)) => note(
            format!(
                "{}: resource-lists is not among them",
                known.auids.join(", ")
            ),
            "a block list is kept in resource-lists: have the XDMS serve it, or name another XDMS",
        ),
        Ok(None) => note(
            "the XDMS does not say what it can do (404)",
            "have it serve xcap-caps/global/index, which every XCAP server must",
        ),
        Err(XdmsError::Failure(Failure::Unavailable { status: 501, .. })) => note(
            "the XDMS does not say what it can do (501)",
            "have it serve xcap-caps/global/index, which every XCAP server must",
        ),
        Err(error) => note(
            error.to_string(),
            "have the XDMS serve xcap-caps/global/index to its users",
        ),
    }
}

/// Who may read; and whether there is any use in going on.
fn authenticated(xdms: &Xdms<'_>, asked: &Answer, document: &Answer) -> (Finding, bool) {
    let realm = match asked {
        Err(XdmsError::Failure(Failure::CredentialsMissing { realm, .. })) => Some(realm),
        _ => None,
    };
    match document {
        Err(XdmsError::Failure(failure)) if is_about_password(failure) => {
            let mend = match failure {
                Failure::CredentialsMissing { .. } => "give --xcap-user and --xcap-password-file",
                Failure::WrongPassword { .. } => {
                    "check --xcap-user and the first line of --xcap-password-file"
                }
                Failure::NoKey { .. } => {
                    "the XDMS wants GBA (TS 33.222), which rollmark alone cannot do: ask for one that takes digest"
                }
                _ => "have the XDMS offer digest, with MD5 or SHA-256",
            };
            (failed(failure.to_string(), mend), false)
        }
        _ => match (realm, asked) {
            (Some(realm), _) => (
                ok(format!("digest, realm {realm}; the password is accepted")),
                true,
            ),
            (None, Err(XdmsError::Failure(Failure::Forbidden { .. }))) => (
                ok("strangers are refused without being asked for a password (403)"),
                true,
            ),
            (None, Err(error)) if document.is_ok() => {
                (note(error.to_string(), "see the log of the XDMS"), true)
            }
            (None, _) if xdms.ims => (
                ok(
                    "nobody asks for a password: the identity in X-3GPP-Intended-Identity is believed",
                ),
                true,
            ),
            (None, _) => (
                note(
                    "the XDMS asks nobody for a password",
                    "have it authenticate its users, or anybody can read and change their lists",
                ),
                true,
            ),
        },
    }
}

fn is_about_password(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::CredentialsMissing { .. }
            | Failure::CredentialsNotForOrigin { .. }
            | Failure::WrongPassword { .. }
            | Failure::NoUsableChallenge { .. }
            | Failure::Challenge { .. }
            | Failure::AlwaysStale { .. }
            | Failure::OtherRealm { .. }
            | Failure::NoKey { .. }
    )
}

fn fetched(document: &Answer) -> Finding {
    match document {
        Ok(Some(document)) => {
            let kind = document
                .content_type
                .as_deref()
                .unwrap_or("no Content-Type");
            let got = format!("{kind}, {} octets", document.body.len());
            match &document.etag {
                Some(etag) => ok(format!("{got}, ETag: {etag}")),
                None => note(
                    format!("{got}, no ETag"),
                    "have the XDMS give an entity tag: without it a change by one device can undo that of another, and each look fetches the whole (RFC 4825 §7.11)",
                ),
            }
        }
        Ok(None) => note(
            "there is no document (404): nobody is blocked",
            "nothing, if no user was ever blocked; else check --as, which names the user's folder (XUI)",
        ),
        Err(XdmsError::Failure(failure @ Failure::Forbidden { .. })) => failed(
            failure.to_string(),
            "check that --as is the identity (XUI) that belongs to --xcap-user, and his rights on the XDMS",
        ),
        Err(XdmsError::Failure(failure @ Failure::ContentType { .. })) => failed(
            failure.to_string(),
            "have the XDMS serve it as application/resource-lists+xml, or check --xcap-root: it may be that of a web server",
        ),
        Err(error) => failed(error.to_string(), "see the log of the XDMS"),
    }
}
