//! The two threads of the screen: keys are answered at once, a storm of events is drawn as often as an eye can follow.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::process::Signal;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::line::Palette;
use super::model::Model;
use super::terminal::{self, Drawn};
use super::view::{Edit, Wish};
use super::{Wishes, draw};
use crate::stop;

/// Least time between two pictures of what happens: twenty a second.
pub(super) const FRAME: Duration = Duration::from_millis(50);
/// Ages and lives go on by the second.
const TICK: Duration = Duration::from_secs(1);
/// Most lines that are left on the terminal at the end.
const LAST_WORDS: usize = 20;
/// How long a stop takes to come about.
const STOPPING: Duration = Duration::from_millis(100);

/// What the threads and the program share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something is to be done by the thread that draws.
    news: Condvar,
    started: Instant,
    switches: UnboundedSender<()>,
    edits: UnboundedSender<Edit>,
}

#[derive(Debug)]
struct State {
    model: Model,
    /// Something has changed since the last picture.
    changed: bool,
    /// A key was pressed: no waiting.
    at_once: bool,
    todo: Todo,
    ended: bool,
    /// It is to be drawn no more: the terminal is gone, or drawing has failed.
    gone: bool,
}

/// What is to be done with the terminal before the next picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Todo {
    #[default]
    Nothing,
    Redraw,
    /// Stop as any program does at Ctrl-Z.
    Suspend,
    /// It was stopped and goes on, and somebody else may have used the terminal.
    Retake,
}

impl Shared {
    pub(super) fn new(model: Model) -> (Arc<Self>, Wishes) {
        let (switches, switch_wishes) = unbounded_channel();
        let (edits, edit_wishes) = unbounded_channel();
        let shared = Self {
            state: Mutex::new(State {
                model,
                changed: true,
                at_once: true,
                todo: Todo::Nothing,
                ended: false,
                gone: false,
            }),
            news: Condvar::new(),
            started: Instant::now(),
            switches,
            edits,
        };
        let wishes = Wishes {
            switches: switch_wishes,
            edits: edit_wishes,
        };
        (Arc::new(shared), wishes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the model. False when nobody sees it any more.
    pub(super) fn change(&self, change: impl FnOnce(&mut Model, Duration)) -> bool {
        let mut state = self.lock();
        if state.gone {
            return false;
        }
        let now = self.started.elapsed();
        // A mistake of the screen does not take the subscription with it, which is then ended properly.
        if catch_unwind(AssertUnwindSafe(|| change(&mut state.model, now))).is_err() {
            state.gone = true;
            self.news.notify_all();
            stop::fail();
            return false;
        }
        state.changed = true;
        self.news.notify_all();
        true
    }

    /// Nothing more is drawn.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.news.notify_all();
    }

    /// What stays on the terminal: what went wrong, and what happened last.
    pub(super) fn last_words(&self) -> Vec<(bool, String)> {
        let state = self.lock();
        let model = &state.model;
        let first = model.log.len().saturating_sub(LAST_WORDS);
        let log = model
            .log
            .range(first..)
            .map(|line| (false, line.text.clone()));
        let complaints = model.complaints.iter().map(|line| (true, line.clone()));
        log.chain(complaints).collect()
    }

    fn key(&self, event: &Event) {
        let mut state = self.lock();
        let now = self.started.elapsed();
        let wish = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => state.model.key(now, *key),
            Event::Resize(..) => None,
            _ => return,
        };
        match &wish {
            Some(Wish::Quit) => stop::want(),
            Some(Wish::Suspend) => state.todo = Todo::Suspend,
            Some(Wish::Redraw) => state.todo = Todo::Redraw,
            // Whoever could do these has ended, or never was.
            Some(Wish::Switch) if self.switches.send(()).is_err() => {
                let model = &mut state.model;
                model.answer(now, "there is no other core to switch to");
            }
            Some(Wish::Edit(edit)) if self.edits.send(edit.clone()).is_err() => {
                state.model.answer(now, "no block list can be changed now");
            }
            Some(Wish::Switch | Wish::Edit(_)) => {}
            None => {}
        }
        state.changed = true;
        state.at_once = true;
        self.news.notify_all();
    }

    /// The program was stopped and goes on.
    fn retake(&self) {
        let mut state = self.lock();
        state.todo = Todo::Retake;
        state.at_once = true;
        state.changed = true;
        self.news.notify_all();
    }

    /// Waits until there is something to draw. None at the end.
    fn wait(&self, last: Instant) -> Option<Todo> {
        let mut state = self.lock();
        loop {
            if state.ended || state.gone {
                return None;
            }
            let since = last.elapsed();
            let due = if state.changed { FRAME } else { TICK };
            if state.at_once || since >= due {
                state.changed = false;
                state.at_once = false;
                return Some(std::mem::take(&mut state.todo));
            }
            state = self
                .news
                .wait_timeout(state, due - since)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn draw(&self, terminal: &mut Drawn, palette: Palette) -> std::io::Result<()> {
        terminal.draw(|frame| {
            let (area, now) = (frame.area(), self.started.elapsed());
            let mut state = self.lock();
            draw::draw(&mut state.model, now, area, frame.buffer_mut(), palette);
        })?;
        Ok(())
    }

    /// Draws until the end, or until the terminal is gone.
    fn run(&self, mut terminal: Drawn) -> std::io::Result<()> {
        let palette = Palette {
            colour: terminal::has_colour(),
        };
        let mut last = Instant::now();
        while let Some(todo) = self.wait(last) {
            match todo {
                Todo::Nothing => {}
                Todo::Redraw => terminal::empty(&mut terminal)?,
                Todo::Suspend => {
                    terminal::give_back();
                    // The whole job, as the terminal would have it. A job that nobody could continue is not stopped.
                    let _ = rustix::process::kill_current_process_group(Signal::TSTP);
                    std::thread::sleep(STOPPING);
                    terminal = terminal::take()?;
                }
                Todo::Retake => terminal = terminal::take()?,
            }
            last = Instant::now();
            self.draw(&mut terminal, palette)?;
        }
        Ok(())
    }
}

/// Begins to read keys and to draw. What is given back closes when nothing more is drawn.
pub(super) fn start(shared: &Arc<Shared>, terminal: Drawn) -> Receiver<()> {
    let (ended, drawing) = sync_channel(0);
    let drawer = shared.clone();
    std::thread::spawn(move || {
        let _ended = ended;
        let drawn = catch_unwind(AssertUnwindSafe(|| drawer.run(terminal)));
        drawer.lock().gone = true;
        match drawn {
            Ok(Ok(())) => {}
            // The terminal is gone; the subscription is ended properly, in silence.
            Ok(Err(_)) => stop::want(),
            Err(_) => stop::fail(),
        }
    });
    let reader = Arc::downgrade(shared);
    // Holds nobody up at the end: it may wait for a key for ever.
    std::thread::spawn(move || {
        let read = catch_unwind(AssertUnwindSafe(|| {
            while let Ok(event) = event::read() {
                match reader.upgrade() {
                    Some(shared) => shared.key(&event),
                    None => return,
                }
            }
        }));
        if read.is_err() {
            stop::fail();
        }
    });
    let continued = Arc::downgrade(shared);
    let signal = tokio::signal::unix::SignalKind::from_raw(Signal::CONT.as_raw());
    if let Ok(mut signal) = tokio::signal::unix::signal(signal) {
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                match continued.upgrade() {
                    Some(shared) => shared.retake(),
                    None => return,
                }
            }
        });
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Arc<Shared> {
        Shared::new(Model::new("sip:room@x")).0
    }

    /// A storm of events comes to twenty pictures a second; a key does not wait.
    #[test]
    fn events_wait_for_the_next_picture_and_keys_do_not() {
        let shared = shared();
        // The first picture comes at once.
        assert_eq!(shared.wait(Instant::now()), Some(Todo::Nothing));
        let last = Instant::now();
        for _ in 0..1000 {
            assert!(shared.change(|model, now| model.say(now, "again")));
        }
        assert_eq!(shared.wait(last), Some(Todo::Nothing));
        assert!(last.elapsed() >= FRAME);
        // Nothing of the storm is left: the next picture is that of the clock.
        let last = Instant::now();
        assert_eq!(shared.wait(last), Some(Todo::Nothing));
        assert!(last.elapsed() >= TICK);
        // By the clock alone it would take an hour yet.
        let last = Instant::now() + Duration::from_secs(3600);
        shared.change(|model, now| model.say(now, "once more"));
        shared.key(&Event::Resize(80, 24));
        assert_eq!(shared.wait(last), Some(Todo::Nothing));
    }

    /// A mistake of the screen ends the screen, and with it the watching, properly.
    #[test]
    fn a_panic_on_the_screen_asks_for_a_proper_end() {
        let shared = shared();
        assert!(!shared.change(|_, _| panic!("a mistake, made on purpose")));
        assert!(stop::has_failed());
        assert!(!shared.change(|model, now| model.say(now, "more")));
        assert_eq!(shared.wait(Instant::now()), None);
    }
}
