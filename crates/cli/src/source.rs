//! Block-list sources of the command line: files and an XDMS, with one line on standard error when one fails.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollmark::record::Recorder;
use rollmark::{BlockListSource, SourceState, Update};
use rollmark_xdm::client::Settings;
use rollmark_xdm::edit::{Change, EditError, Edited, edit_xdms};
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::{Connection, Http, HttpSettings};
use tokio::sync::oneshot;

use rollmark_xdm::source::{
    FILE_POLL, FileSource, Followed, Polling, Reading, XdmsControl, XdmsSource, ago,
};

use crate::fault::Fault;

/// How long the first subscription waits for block lists, so that the first roster has its marks. A list that comes later
/// marks it then.
const LIST_PATIENCE: Duration = Duration::from_secs(2);

/// The sources whose first news is awaited.
#[derive(Default)]
pub(crate) struct FirstNews(Vec<oneshot::Receiver<()>>);

impl FirstNews {
    /// Waits until every source has been read or has failed, but not long.
    pub(crate) async fn wait(self) {
        let all = async {
            for first in self.0 {
                let _ = first.await;
            }
        };
        let _ = tokio::time::timeout(LIST_PATIENCE, all).await;
    }

    fn expect(&mut self) -> Option<oneshot::Sender<()>> {
        let (sender, receiver) = oneshot::channel();
        self.0.push(receiver);
        Some(sender)
    }
}

/// A source that tells a person why it failed, once a reason.
pub(crate) struct Told<S> {
    source: S,
    told: Option<String>,
    said: Said,
    first: Option<oneshot::Sender<()>>,
}

/// What has been said of the documents below one XCAP root: what is wrong with the server concerns each of them, and is
/// said once.
#[derive(Clone, Default)]
struct Said {
    root: String,
    faults: Arc<Mutex<Vec<String>>>,
}

impl Said {
    /// The text without what tells one document from another.
    fn fault(&self, text: &str) -> String {
        let words = text
            .split(' ')
            .map(|word| match word.starts_with(&self.root) {
                true if !self.root.is_empty() => &self.root,
                _ => word,
            });
        words.collect::<Vec<_>>().join(" ")
    }

    /// One more document has this fault; true for the first.
    fn begins(&self, fault: &str) -> bool {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !faults.iter().any(|held| held == fault);
        faults.push(fault.to_owned());
        first
    }

    /// One document less has it.
    fn ends(&self, fault: &str) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = faults.iter().position(|held| held == fault) {
            faults.remove(at);
        }
    }
}

impl<S> Told<S> {
    fn heard(&mut self) {
        if let Some(first) = self.first.take() {
            let _ = first.send(());
        }
    }

    fn tell(&mut self, text: Option<String>) {
        let fault = text.as_deref().map(|text| self.said.fault(text));
        if fault == self.told {
            return;
        }
        if let Some(over) = self.told.take() {
            self.said.ends(&over);
        }
        if let (Some(fault), Some(text)) = (&fault, &text)
            && self.said.begins(fault)
        {
            crate::show::complain(&format!("block list: {}", crate::text::safe(text)));
        }
        self.told = fault;
    }
}

/// A block-list file.
pub(crate) fn file(
    path: PathBuf,
    identity: Option<&str>,
    nested: bool,
    news: &mut FirstNews,
) -> Told<FileSource> {
    Told {
        source: FileSource::new(path, identity.map(str::to_owned), FILE_POLL).with_nested(nested),
        told: None,
        said: Said::default(),
        first: news.expect(),
    }
}

/// What it takes to read a user's list on an XDMS.
pub(crate) struct Xdms<'a> {
    pub(crate) root: &'a str,
    pub(crate) xui: &'a str,
    /// How requests are made, but for the identity that an IMS core is told.
    pub(crate) client: Settings,
    pub(crate) http: HttpSettings,
    pub(crate) polling: Polling,
    pub(crate) reading: Reading,
    /// The XDMS is behind an Aggregation Proxy of an IMS core, which is told the user's identity (XDM-10).
    pub(crate) ims: bool,
    /// Where lists are kept from one run to the next.
    pub(crate) cache: Option<&'a std::path::Path>,
    /// Who records what is asked of it.
    pub(crate) recorder: Option<Recorder>,
    /// Only resource-lists, which is what a demo plays with.
    pub(crate) only_lists: bool,
}

/// The documents of a user on an XDMS that can hold a block list, in the order in which they are asked (XDM-33).
pub(crate) fn documents(
    connection: &Connection,
    root: &XcapRoot,
    xui: &str,
    polling: Polling,
    reading: &Reading,
) -> Result<Vec<XdmsSource>, Fault> {
    let sources = XdmsSource::usual(connection, root, xui, polling)
        .map_err(|fault| Fault::Xcap(fault.to_string()))?;
    let read = |source: XdmsSource| source.with_reading(reading.clone());
    Ok(sources.into_iter().map(read).collect())
}

impl Xdms<'_> {
    /// How to speak to it, and the documents there.
    fn reach(&self) -> Result<(Connection, Vec<XdmsSource>), Fault> {
        let root = XcapRoot::parse(self.root).map_err(|fault| Fault::Xcap(fault.to_string()))?;
        let http = Http::new(&self.http).map_err(|fault| Fault::Xcap(fault.to_string()))?;
        let http = crate::record::observed(http, self.recorder.as_ref());
        let client = Settings {
            intended_identity: self.ims.then(|| self.xui.to_owned()),
            ..self.client.clone()
        };
        let connection = Connection::new(http, client);
        let mut sources = documents(&connection, &root, self.xui, self.polling, &self.reading)?;
        if self.only_lists {
            sources.retain(|source| source.name().ends_with("/index"));
        }
        Ok((connection, sources))
    }

    /// The document of the user's lists.
    fn lists(&self) -> Result<DocumentSelector, Fault> {
        let root = XcapRoot::parse(self.root).map_err(|fault| Fault::Xcap(fault.to_string()))?;
        DocumentSelector::resource_lists(root, self.xui)
            .map_err(|fault| Fault::Xcap(fault.to_string()))
    }
}

/// Sources of a user's XDMS that are in use.
#[derive(Clone)]
pub(crate) struct XdmsInUse {
    controls: Vec<XdmsControl>,
    /// How the document of lists is had now, for changes.
    lists: Arc<Mutex<(Connection, DocumentSelector)>>,
}

impl XdmsInUse {
    fn new(
        settings: &Xdms<'_>,
        connection: Connection,
        sources: &[XdmsSource],
    ) -> Result<Self, Fault> {
        Ok(Self {
            controls: sources.iter().map(XdmsSource::control).collect(),
            lists: Arc::new(Mutex::new((connection, settings.lists()?))),
        })
    }

    /// The same documents from now on as these settings have them (SW-08).
    pub(crate) fn switch(&self, to: &Xdms<'_>) -> Result<(), Fault> {
        let (connection, sources) = to.reach()?;
        for (control, source) in self.controls.iter().zip(&sources) {
            control.switch(connection.clone(), source.selector().clone());
        }
        let lists = (connection, to.lists()?);
        *self.lists.lock().unwrap_or_else(PoisonError::into_inner) = lists;
        Ok(())
    }

    /// The documents are asked for at once.
    pub(crate) fn ask(&self) {
        for control in &self.controls {
            control.changed();
        }
    }

    /// Puts a user on the list or takes him off. Gives the name of the document, too.
    pub(crate) async fn edit(
        &self,
        change: Change,
        uri: &str,
    ) -> (String, Result<Edited, EditError>) {
        let (mut connection, lists) = {
            let held = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            held.clone()
        };
        let edited = edit_xdms(&mut connection, &lists, change, uri).await;
        (format!("xdms:{}", lists.url()), edited)
    }
}

/// The lists of a user on an XDMS, what lets a notifier wake them, and what puts them elsewhere.
pub(crate) fn xdms(
    settings: &Xdms<'_>,
    news: &mut FirstNews,
) -> Result<(Vec<Told<XdmsSource>>, Followed, XdmsInUse), Fault> {
    let (connection, sources) = settings.reach()?;
    let said = Said {
        root: settings.root.trim_end_matches('/').to_owned(),
        ..Said::default()
    };
    let followed = Followed::new(sources.iter().map(XdmsSource::control));
    let in_use = XdmsInUse::new(settings, connection, &sources)?;
    let told = |source: XdmsSource| Told {
        source: match settings.cache {
            Some(directory) => source.with_cache(directory),
            None => source,
        },
        told: None,
        said: said.clone(),
        first: news.expect(),
    };
    let sources = sources.into_iter().map(told).collect();
    Ok((sources, followed, in_use))
}

impl BlockListSource for Told<FileSource> {
    fn name(&self) -> String {
        self.source.name()
    }

    async fn next(&mut self) -> Update {
        let update = self.source.next().await;
        let error = self.source.last_error().map(str::to_owned);
        self.tell(error);
        self.heard();
        update
    }
}

impl BlockListSource for Told<XdmsSource> {
    fn name(&self) -> String {
        self.source.name()
    }

    async fn next(&mut self) -> Update {
        let update = self.source.next().await;
        let mut text = self.source.last_error().map(str::to_owned);
        let name = self.source.name();
        if text.is_none()
            && update.state == SourceState::Empty
            && update.etag.is_none()
            && name.contains("/resource-lists/")
        {
            let url = name.strip_prefix("xdms:").unwrap_or(&name);
            text = Some(format!(
                "there is no document {url}, so it blocks nobody (404); if that is wrong, check the XCAP root and the user"
            ));
        }
        if text.is_none()
            && update.state == SourceState::Stale
            && let Some(age) = self.source.age()
        {
            text = Some(format!(
                "{name}: the list read {} ago is in use until the XDMS answers",
                ago(age)
            ));
        }
        self.tell(text);
        self.heard();
        update
    }
}
