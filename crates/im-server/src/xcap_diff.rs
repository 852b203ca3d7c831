//! The event package `xcap-diff`: who watches which documents, and what each is told (RFC 5875; no-patching, §4.3).

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

use crate::server::{ConferenceKey, Shared, State};

/// Name of the event package (RFC 5875 §4.2).
pub(crate) const PACKAGE: &str = "xcap-diff";

/// MIME type of what a notification tells (RFC 5874 §6.1).
pub(crate) const CONTENT_TYPE: &str = "application/xcap-diff+xml";

/// MIME type of what a SUBSCRIBE asks for (RFC 5875 §4.4).
pub(crate) const LIST_TYPE: &str = "application/resource-lists+xml";

/// Most URIs in one subscription; 413 beyond it.
pub const MAX_WATCHED: usize = 100;

/// Changes that wait for the answer to a NOTIFY; beyond it they are dropped for one that tells everything.
pub const MAX_WAITING: usize = 32;

/// Writes the xcap-diff document that tells what is there among the watched URIs.
type Current = dyn Fn(&[String]) -> String + Send + Sync;

/// The documents behind one notifier URI.
#[derive(Clone)]
pub(crate) struct Documents {
    current: Arc<Current>,
}

impl Documents {
    pub(crate) fn current(&self, watch: &Watch) -> Bytes {
        (self.current)(&watch.uris).into()
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

/// What one subscription watches, and how far it was told. No NOTIFY leaves before the last one was answered (RFC 5875 §4.7).
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// URIs relative to the XCAP root, as the subscriber wrote them.
    pub(crate) uris: Vec<String>,
    /// CSeq of the NOTIFY that is not answered yet.
    unanswered: Option<u32>,
    waiting: VecDeque<Bytes>,
    /// Something could not be told: the next notification tells everything.
    behind: bool,
}

/// What a NOTIFY of a watch may be now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing to tell, or not yet.
    Nothing,
    /// This body.
    Change(Bytes),
    /// All that is there.
    Everything,
}

impl Watch {
    pub(crate) fn new(uris: Vec<String>) -> Self {
        Self {
            uris,
            ..Self::default()
        }
    }

    /// A change is to be told.
    pub(crate) fn change(&mut self, body: Bytes) -> Next {
        if self.waiting.len() >= MAX_WAITING {
            self.behind = true;
            self.waiting.clear();
        }
        if !self.behind {
            self.waiting.push_back(body);
        }
        self.next()
    }

    /// Everything is told now, answered or not: the SUBSCRIBE that asks for it is a sign of life.
    pub(crate) fn told_everything(&mut self) {
        self.waiting.clear();
        self.behind = false;
    }

    /// A NOTIFY left.
    pub(crate) fn sent(&mut self, cseq: u32) {
        self.unanswered = Some(cseq);
    }

    /// A NOTIFY was answered. Told what was refused, the subscriber would be out of step: the next change tells him everything.
    pub(crate) fn answered(&mut self, cseq: u32, taken: bool) -> Next {
        if self.unanswered != Some(cseq) {
            return Next::Nothing;
        }
        self.unanswered = None;
        if !taken {
            self.behind = true;
            self.waiting.clear();
            return Next::Nothing;
        }
        self.next()
    }

    fn next(&mut self) -> Next {
        if self.unanswered.is_some() {
            return Next::Nothing;
        }
        if std::mem::take(&mut self.behind) {
            self.waiting.clear();
            return Next::Everything;
        }
        self.waiting.pop_front().map_or(Next::Nothing, Next::Change)
    }
}

/// The hand on a notifier of document changes: what feeds it. Clones act on the same notifier.
#[derive(Clone, Debug)]
pub struct DocumentNotifier {
    shared: Arc<Shared>,
    key: ConferenceKey,
}

impl DocumentNotifier {
    pub(crate) fn new(
        shared: Arc<Shared>,
        key: ConferenceKey,
        current: impl Fn(&[String]) -> String + Send + Sync + 'static,
    ) -> Self {
        let current = Arc::new(current);
        let documents = Documents { current };
        shared.state().documents.insert(key.clone(), documents);
        Self { shared, key }
    }

    /// Tells a change: `document` writes it as an xcap-diff document for who watches these URIs, or gives none if they do not see it.
    /// It must not call this notifier or its server.
    pub fn changed(&self, document: impl Fn(&[String]) -> Option<String>) {
        let mut guard = self.shared.state();
        let State {
            documents,
            subscriptions,
            ..
        } = &mut *guard;
        let Some(known) = documents.get(&self.key) else {
            return;
        };
        for subscription in subscriptions.values_mut() {
            if subscription.conference() == &self.key
                && let Some(watch) = &mut subscription.watch
                && let Some(body) = document(&watch.uris)
            {
                let next = watch.change(body.into());
                subscription.tell(next, known);
            }
        }
    }

    /// How many subscriptions there are.
    pub fn subscribers(&self) -> usize {
        let state = self.shared.state();
        let watching = state.subscriptions.values();
        watching
            .filter(|subscription| subscription.conference() == &self.key)
            .count()
    }
}

/// Why the body of a SUBSCRIBE is no list of URIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListFault {
    Malformed,
    TooMany,
}

/// The URIs of a flat list; what else is in it is ignored (RFC 5875 §4.4).
pub(crate) fn uris(body: &[u8]) -> Result<Vec<String>, ListFault> {
    let text = std::str::from_utf8(body).map_err(|_| ListFault::Malformed)?;
    let mut reader = Reader::from_str(text);
    let (mut uris, mut root): (Vec<String>, Option<bool>) = (Vec::new(), None);
    loop {
        let event = reader.read_event().map_err(|_| ListFault::Malformed)?;
        let element = match &event {
            Event::Start(element) | Event::Empty(element) => element,
            Event::DocType(_) => return Err(ListFault::Malformed),
            Event::Eof => break,
            _ => continue,
        };
        let name = element.local_name();
        let name: &str = name.as_ref();
        let is_list = *root.get_or_insert(name == "resource-lists");
        if name != "entry" || !is_list {
            continue;
        }
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|_| ListFault::Malformed)?;
            let key: &str = attribute.key.as_ref();
            if key != "uri" {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|_| ListFault::Malformed)?;
            // The same again is told once (RFC 5875 §4.7).
            if !uris.iter().any(|known| *known == value) {
                uris.push(value.into_owned());
            }
        }
        if uris.len() > MAX_WATCHED {
            return Err(ListFault::TooMany);
        }
    }
    match root {
        Some(true) => Ok(uris),
        _ => Err(ListFault::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(name: &str) -> Bytes {
        Bytes::copy_from_slice(name.as_bytes())
    }

    /// XDM-73 (RFC 5875 §4.4).
    #[test]
    fn a_flat_list_names_what_is_watched() {
        let list = "<?xml version=\"1.0\"?><r:resource-lists xmlns:r='urn:ietf:params:xml:ns:resource-lists'><r:list>\
            <r:entry uri=\"resource-lists/users/sip:a@h/index\"><r:display-name>A</r:display-name></r:entry>\
            <r:entry uri='x/&amp;'/><r:entry uri='x/&amp;'/><r:external anchor='http://h'/></r:list></r:resource-lists>";
        let found = uris(list.as_bytes());
        assert_eq!(
            found,
            Ok(vec![
                "resource-lists/users/sip:a@h/index".into(),
                "x/&".into()
            ])
        );
        for broken in [
            "",
            "text",
            "<list/>",
            "<resource-lists><entry uri=1/>",
            "<!DOCTYPE a><resource-lists/>",
        ] {
            assert_eq!(
                uris(broken.as_bytes()),
                Err(ListFault::Malformed),
                "{broken}"
            );
        }
        let list = |count: usize| {
            let entries: String = (0..count).map(|n| format!("<entry uri='{n}'/>")).collect();
            format!("<resource-lists><list>{entries}</list></resource-lists>")
        };
        assert_eq!(
            uris(list(MAX_WATCHED).as_bytes()).unwrap().len(),
            MAX_WATCHED
        );
        let many = uris(list(MAX_WATCHED + 1).as_bytes());
        assert_eq!(many, Err(ListFault::TooMany));
    }

    /// XDM-77 (RFC 5875 §4.7): one NOTIFY at a time, in order; who was not told everything is told all of it.
    #[test]
    fn changes_wait_for_the_answer_before() {
        let mut watch = Watch::new(Vec::new());
        watch.sent(1);
        assert_eq!(watch.change(body("a")), Next::Nothing);
        assert_eq!(watch.change(body("b")), Next::Nothing);
        assert_eq!(watch.answered(7, true), Next::Nothing, "another one's");
        assert_eq!(watch.answered(1, true), Next::Change(body("a")));
        watch.sent(2);
        assert_eq!(watch.answered(2, true), Next::Change(body("b")));
        watch.sent(3);
        assert_eq!(watch.answered(3, false), Next::Nothing);
        assert_eq!(watch.change(body("c")), Next::Everything, "b was refused");
        watch.sent(4);
        for _ in 0..=MAX_WAITING {
            assert_eq!(watch.change(body("d")), Next::Nothing);
        }
        assert_eq!(watch.answered(4, true), Next::Everything, "too many waited");
        watch.sent(5);
        assert_eq!(watch.answered(5, true), Next::Nothing);
    }
}
