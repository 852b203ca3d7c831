//! Sources that a notifier of document changes wakes: what they read, and what a change means to them (RFC 5875; XDM-75,
//! XDM-79…81).

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use rollmark_core::xcap_diff::{Diff, Fate, MAX_WATCHED, same_etag};
use tokio::sync::watch;

use super::control::XdmsControl;
use super::copies::Copies;
use crate::selector::DocumentSelector;

/// Documents that a source reads: its own, and those that its references led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reads {
    /// XCAP root, with the slash that parts it from documents.
    root: String,
    /// Relative to the root, its own first, each with the entity tags of what is held of it.
    documents: Vec<(String, Vec<Option<String>>)>,
    /// The XDMS said last that this is how they are.
    confirmed: bool,
}

impl Reads {
    pub(super) fn of(
        selector: &DocumentSelector,
        copies: Option<&Copies>,
        confirmed: bool,
    ) -> Self {
        let root = root_of(selector);
        let own = relative(&root, selector.url().as_str()).unwrap_or_default();
        let copies = copies.filter(|copies| copies.url == selector.url().as_str());
        let mut tags = Vec::new();
        let mut others: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        if let Some(copies) = copies {
            tags.push(copies.document.etag.clone());
            for (url, copy) in &copies.nodes {
                match relative(&root, url) {
                    Some(document) if document == own => tags.push(copy.etag.clone()),
                    Some(document) => {
                        others.entry(document).or_default().push(copy.etag.clone());
                    }
                    // Another server's: this notifier knows nothing of it.
                    None => {}
                }
            }
        }
        let documents = std::iter::once((own, tags)).chain(others).collect();
        Self {
            root,
            documents,
            confirmed,
        }
    }
}

impl Reads {
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed
    }
}

/// The XCAP root of a document, with a slash at its end.
pub(super) fn root_of(selector: &DocumentSelector) -> String {
    let url = String::from(selector.root().url_of(&["-"], None));
    url.strip_suffix('-').unwrap_or(&url).to_owned()
}

/// The document of a URL below the root, relative to it, without node selector.
pub(super) fn relative(root: &str, url: &str) -> Option<String> {
    let path = url.strip_prefix(root)?;
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let document = path
        .split_once("/~~/")
        .map_or(path, |(document, _)| document);
    Some(document.to_owned())
}

/// What a source is to do about a change.
enum ToDo {
    Nothing,
    Ask,
    Retag(String, String, String),
}

fn to_do(reads: &Reads, diff: &Diff) -> Vec<ToDo> {
    // Under another name of the root everything is looked at: it may be another server, or this one behind a proxy.
    let same_root = diff.root.trim_end_matches('/') == reads.root.trim_end_matches('/');
    let of = |change: &rollmark_core::xcap_diff::Change| {
        let (document, tags) = reads
            .documents
            .iter()
            .find(|(document, _)| change.is_of(document))?;
        Some(match &change.fate {
            Fate::Changed { etag: Some(etag) }
                if same_root
                    && reads.confirmed
                    && !tags.is_empty()
                    && tags
                        .iter()
                        .all(|tag| tag.as_ref().is_some_and(|tag| same_etag(tag, etag))) =>
            {
                ToDo::Nothing
            }
            Fate::Retagged { previous, etag } if same_root => {
                ToDo::Retag(document.clone(), (**previous).into(), (**etag).into())
            }
            // Also where it is gone: the XDMS says so itself, by 404, which is a known empty list.
            _ => ToDo::Ask,
        })
    };
    diff.changes.iter().filter_map(of).collect()
}

/// Sources that follow one notifier. What it tells goes in, the documents that it is to tell of come out.
#[derive(Debug)]
pub struct Followed {
    sources: Vec<(XdmsControl, watch::Receiver<Reads>)>,
    /// As given out last.
    given: Vec<String>,
}

impl Followed {
    /// These sources, by their [`control`](super::XdmsSource::control).
    pub fn new(sources: impl IntoIterator<Item = XdmsControl>) -> Self {
        let sources = sources.into_iter().map(|control| {
            let reads = control.reads.clone();
            (control, reads)
        });
        Self {
            sources: sources.collect(),
            given: Vec::new(),
        }
    }

    /// The documents that the sources read, relative to their XCAP root: what a notifier is to be asked for. Those of the
    /// sources themselves come first; what exceeds [`MAX_WATCHED`] is polled only.
    pub fn documents(&mut self) -> Vec<String> {
        self.given = self.read();
        self.given.clone()
    }

    fn read(&mut self) -> Vec<String> {
        let mut own = Vec::new();
        let mut others = Vec::new();
        for (_, reads) in &mut self.sources {
            let reads = reads.borrow_and_update();
            let mut documents = reads.documents.iter().map(|(document, _)| document.clone());
            own.extend(documents.next());
            others.extend(documents);
        }
        let mut all: Vec<String> = Vec::new();
        for document in own.into_iter().chain(others) {
            if all.len() < MAX_WATCHED && !all.contains(&document) {
                all.push(document);
            }
        }
        all
    }

    /// Waits until [`Self::documents`] would say something else. Cancel-safe.
    pub async fn documents_changed(&mut self) {
        loop {
            if self.read() != self.given {
                return;
            }
            let mut gone = Vec::new();
            {
                let mut waits: Vec<Pin<Box<dyn Future<Output = bool> + Send + '_>>> = Vec::new();
                for (_, reads) in &mut self.sources {
                    waits.push(Box::pin(async { reads.changed().await.is_ok() }));
                }
                poll_fn(|context| {
                    let mut ready = Poll::Pending;
                    for (at, wait) in waits.iter_mut().enumerate() {
                        if let Poll::Ready(alive) = wait.as_mut().poll(context) {
                            if !alive {
                                gone.push(at);
                            }
                            ready = Poll::Ready(());
                            break;
                        }
                    }
                    ready
                })
                .await;
            }
            for at in gone {
                self.sources.remove(at);
            }
        }
    }

    /// The notifier told this. A source whose document changed asks for it at once, by its entity tag; one that holds what
    /// is told, or whose document only has another entity tag, does not (XDM-75).
    pub fn take(&self, diff: &Diff) {
        for (control, reads) in &self.sources {
            let all = to_do(&reads.borrow(), diff);
            if all.iter().any(|one| matches!(one, ToDo::Ask)) {
                control.changed();
                continue;
            }
            for one in all {
                if let ToDo::Retag(document, previous, etag) = one {
                    control.retagged(document, previous, etag);
                }
            }
        }
    }

    /// Any document may have changed: each source asks for its own, by its entity tag.
    pub fn ask_all(&self) {
        for (control, _) in &self.sources {
            control.changed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::XcapRoot;
    use crate::source::copies::Copy;
    use std::time::SystemTime;

    const OWN: &str = "resource-lists/users/sip:alice@x/index";

    fn reads(confirmed: bool) -> Reads {
        let root = XcapRoot::parse("http://h:8080/xcap").unwrap();
        let selector = DocumentSelector::resource_lists(root, "sip:alice@x").unwrap();
        let copy = |etag: &str| Copy {
            etag: Some(etag.into()),
            body: Vec::new(),
        };
        let node = |path: &str, etag| (format!("http://h:8080/xcap/{path}"), copy(etag));
        let copies = Copies {
            url: selector.url().into(),
            document: copy("\"1\""),
            nodes: [
                node(&format!("{OWN}/~~/resource-lists/list%5B1%5D"), "\"1\""),
                node(
                    "resource-lists/users/sip:bob@x/index/~~/resource-lists/list?xmlns(a=b)",
                    "\"b\"",
                ),
                ("http://other/xcap/a/users/b/c/~~/d".into(), copy("\"o\"")),
            ]
            .into(),
            at: SystemTime::now(),
        };
        Reads::of(&selector, Some(&copies), confirmed)
    }

    /// XDM-45, XDM-76: documents that references led to are watched too, those of other servers are not.
    #[test]
    fn a_source_reads_its_document_and_those_it_refers_to() {
        let reads = reads(true);
        assert_eq!(reads.root, "http://h:8080/xcap/");
        let documents: Vec<_> = reads.documents.iter().map(|(uri, _)| &**uri).collect();
        assert_eq!(documents, [OWN, "resource-lists/users/sip:bob@x/index"]);
    }

    fn asked(root: &str, content: &str, confirmed: bool) -> Vec<&'static str> {
        let text = format!(
            "<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff' xcap-root='{root}'>{content}</xcap-diff>"
        );
        let diff = Diff::read(text.as_bytes()).unwrap();
        let todo = to_do(&reads(confirmed), &diff);
        let word = |todo: &ToDo| match todo {
            ToDo::Nothing => "nothing",
            ToDo::Ask => "ask",
            ToDo::Retag(..) => "retag",
        };
        todo.iter().map(word).collect()
    }

    /// XDM-75: the table, as it looks to a source that holds entity tag 1.
    #[test]
    fn only_what_is_not_held_is_asked_for() {
        let root = "http://h:8080/xcap";
        let own = |tags: &str| format!("<document sel='{OWN}' {tags}/>");
        let same = format!(
            "<document sel='{OWN}' previous-etag='1' new-etag='2'><body-not-changed/></document>"
        );
        let one = |root: &str, content: &str| asked(root, content, true);
        assert_eq!(one(root, &own("new-etag='1'")), ["nothing"]);
        assert_eq!(one(root, &own("new-etag='\"1\"'")), ["nothing"]);
        assert_eq!(one(root, &own("new-etag='2'")), ["ask"]);
        assert_eq!(one(root, &own("previous-etag='1' new-etag='2'")), ["ask"]);
        assert_eq!(one(root, &own("previous-etag='1'")), ["ask"]);
        assert_eq!(one(root, &own("")), ["ask"]);
        assert_eq!(one(root, &same), ["retag"]);
        assert_eq!(one(root, "<document sel='a/b' new-etag='2'/>"), [""; 0]);
        let bob = "<document sel='resource-lists/users/sip%3Abob%40x/index' new-etag='c'/>";
        assert_eq!(one(root, bob), ["ask"]);
        // What was not confirmed by the XDMS, or is under a root of another name, is looked at.
        assert_eq!(asked(root, &own("new-etag='1'"), false), ["ask"]);
        assert_eq!(one("https://proxy/xcap", &own("new-etag='1'")), ["ask"]);
        assert_eq!(one("https://proxy/xcap", &same), ["ask"]);
    }
}
