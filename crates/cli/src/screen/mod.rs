//! The live screen of `watch` and `demo` on a terminal. A model takes events and keys in, a drawing function puts it into
//! cells, and two threads do the rest: one reads keys, one draws. So neither a slow terminal nor a large roster holds up
//! an answer to a NOTIFY.

mod draw;
mod drawing;
pub(crate) mod edit;
mod line;
mod model;
mod panel;
pub(crate) mod request;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rollmark::Event;
use tokio::sync::mpsc::UnboundedReceiver;

use drawing::Shared;
use model::Model;
pub(crate) use view::{Edit, help};

/// How long a terminal that takes nothing is waited for at the end.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// The screen that is on show, for what is told from anywhere.
static SHOWN: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// A screen on the terminal; dropping it gives the terminal back.
#[derive(Debug)]
pub(crate) struct Screen {
    shared: Arc<Shared>,
    /// Closes when the drawing has ended.
    drawing: Receiver<()>,
}

/// What the keys ask for; to quit is told to [`crate::stop`].
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) switches: UnboundedReceiver<()>,
    pub(crate) edits: UnboundedReceiver<Edit>,
}

impl Screen {
    /// Takes the terminal. None where there is none to draw on.
    pub(crate) fn start(conference: &str) -> Option<(Self, Wishes)> {
        if !terminal::is_there() {
            return None;
        }
        let drawn = match terminal::take() {
            Ok(drawn) => drawn,
            Err(error) => {
                terminal::give_back();
                tracing::warn!(%error, "no screen on this terminal");
                return None;
            }
        };
        let (shared, wishes) = Shared::new(Model::new(conference));
        let drawing = drawing::start(&shared, drawn);
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shared);
        Some((Self { shared, drawing }, wishes))
    }

    /// Takes an event in. False when the screen is gone.
    pub(crate) fn event(&self, event: &Event) -> bool {
        self.shared.change(|model, now| model.event(now, event))
    }

    /// What is being done before there is a subscription.
    pub(crate) fn doing(&self, what: &'static str) {
        self.shared.change(|model, _| model.doing = what);
    }

    /// Tells something that is for people only.
    pub(crate) fn say(&self, text: &str) {
        self.shared.change(|model, now| model.say(now, text));
    }

    /// How long the subscription lives yet.
    pub(crate) fn life(&self, life: Option<Duration>) {
        self.shared.change(|model, now| model.set_life(now, life));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shared.end();
        // A terminal that takes nothing any more keeps nobody from his end.
        if self.drawing.recv_timeout(LAST_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            terminal::abandon();
            return;
        }
        terminal::give_back();
        for (is_fault, line) in self.shared.last_words() {
            if is_fault {
                crate::show::fault(&line);
            } else {
                let _ = writeln!(std::io::stdout(), "{line}");
            }
        }
    }
}

/// Tells what is wrong, on the screen where there is one. False where there is none.
pub(crate) fn complain(text: &str) -> bool {
    told(|model, now| model.complain(now, text))
}

/// Tells something on the screen where there is one. False where there is none.
pub(crate) fn say(text: &str) -> bool {
    told(|model, now| model.say(now, text))
}

/// Tells what came of a key, or why nothing did.
fn answer(text: &str) {
    told(|model, now| model.answer(now, text));
}

fn told(change: impl FnOnce(&mut Model, Duration)) -> bool {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    shown.upgrade().is_some_and(|shared| shared.change(change))
}
