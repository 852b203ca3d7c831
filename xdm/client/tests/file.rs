//! A block-list file as a source: read at once, again when it changes, kept when it vanishes.
#![cfg(feature = "tokio")]

use std::path::PathBuf;
use std::time::Duration;

use rollmark_core::blocklist::{SourceState, Update};
use rollmark_xdm::source::FileSource;

const DEADLINE: Duration = Duration::from_secs(20);

/// A file of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        Self(directory.join(format!("{name}-{}", std::process::id())))
    }

    /// In one go: nobody reads half of it.
    fn write(&self, content: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(&new, &self.0).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn next(source: &mut FileSource) -> Update {
    let update = tokio::time::timeout(DEADLINE, source.next()).await;
    update.expect("news in time")
}

fn shown(update: &Update) -> (SourceState, Option<Vec<&str>>) {
    let list = update.list.as_ref();
    let uris = list.map(|list| list.entries.iter().map(|entry| &*entry.uri).collect());
    (update.state, uris)
}

#[tokio::test]
async fn a_file_is_followed_through_its_changes() {
    let file = Scratch::new("blocked");
    let mut source = FileSource::new(&file.0, None, Duration::from_millis(10));
    assert_eq!(source.name(), format!("file:{}", file.0.display()));

    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Unavailable, None)
    );
    let error = source.last_error().unwrap();
    assert!(error.contains(file.0.to_str().unwrap()), "{error}");

    file.write("sip:bob@x\n");
    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Fresh, Some(vec!["sip:bob@x"]))
    );
    assert_eq!(source.last_error(), None);

    file.write("sip:bob@x\nsip:carol@x\n");
    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Fresh, Some(vec!["sip:bob@x", "sip:carol@x"]))
    );

    // As long as before, and changed within the same tick of the file system's clock.
    file.write("sip:bob@x\nsip:david@x\n");
    file.write("sip:bob@x\nsip:carol@x\n");
    file.write("sip:bob@x\nsip:ellen@x\n");
    let last = (SourceState::Fresh, Some(vec!["sip:bob@x", "sip:ellen@x"]));
    while shown(&next(&mut source).await) != last {}

    std::fs::remove_file(&file.0).unwrap();
    assert_eq!(shown(&next(&mut source).await), (SourceState::Stale, None));
    assert!(source.last_error().is_some());

    // The same list again: no new list, but fresh.
    file.write("# back\nsip:bob@x\nsip:ellen@x\n");
    assert_eq!(shown(&next(&mut source).await), (SourceState::Fresh, None));

    file.write("<policy xmlns='urn:x'/>");
    assert_eq!(shown(&next(&mut source).await), (SourceState::Stale, None));
    assert!(source.last_error().unwrap().contains("{urn:x}policy"));
}
