//! The terminal: taken for the screen, given back as it was, also on a fault or a panic.

use std::io::{self, IsTerminal, Stdout};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{ExecutableCommand, execute};
use ratatui::layout::{Position, Rect};

/// The screen has the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Where the screen is drawn. It is never dropped: it would tell on standard error that its terminal has gone, which may be
/// the same that has gone, and it is [`give_back`] that sets the cursor right.
pub(super) type Drawn = ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>;

/// Whether a person sits at a terminal that can be drawn on, and this is what he runs in the foreground: reading in the
/// background would stop the program.
pub(super) fn is_there() -> bool {
    let stdin = io::stdin();
    let can_draw = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
    can_draw
        && stdin.is_terminal()
        && io::stdout().is_terminal()
        && rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Whether there is to be no colour (no-color.org).
pub(super) fn has_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Takes the terminal: keys come at once and are not echoed, what was on it comes back later.
pub(super) fn take() -> io::Result<Drawn> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Before it is told, so that it can be read.
            give_back();
            tell(panic);
        }));
    });
    if TAKEN.load(Ordering::Acquire) {
        // Somebody else may have set it up since.
        disable_raw_mode()?;
    }
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::Release);
    let mut out = io::stdout();
    out.execute(EnterAlternateScreen)?;
    out.execute(Clear(ClearType::All))?;
    let terminal = Terminal::new(CrosstermBackend::new(out))?;
    Ok(ManuallyDrop::new(terminal))
}

/// Empties the screen, so that the next picture is drawn whole. [`Terminal::clear`] would ask the terminal where its cursor
/// is, and the answer would go to whoever reads keys.
pub(super) fn empty(terminal: &mut Drawn) -> io::Result<()> {
    let size = terminal.size()?;
    terminal.resize(Rect::from((Position::ORIGIN, size)))
}

/// Gives the terminal back; nothing where that was done.
pub(super) fn give_back() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        // It may have gone away, and then nothing is left to be done.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// The same of a terminal that takes no text any more: to write what sets it right would wait for ever.
pub(super) fn abandon() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        let _ = disable_raw_mode();
    }
}
