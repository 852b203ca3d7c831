//! The end that somebody asks for: by SIGINT, SIGTERM, SIGHUP, or a key of the screen. It is remembered, so that none comes
//! too early.

use std::sync::LazyLock;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

static WANTED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));
static FAILED: AtomicBool = AtomicBool::new(false);

/// From now on signals ask for a proper end. On the present tokio runtime.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            // Somebody wants it to live on without its terminal (nohup).
            if kind == SignalKind::hangup() && is_ignored(kind) {
                continue;
            }
            if let Ok(mut signal) = signal(kind) {
                tokio::spawn(async move {
                    while signal.recv().await.is_some() {
                        want();
                    }
                });
            }
        }
    });
}

/// Whether the program was started with a signal ignored.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (kind.as_raw_value() - 1)) != 0)
}

/// Asks for a proper end.
pub(crate) fn want() {
    WANTED.send_replace(true);
}

/// Asks for a proper end because the screen has failed.
pub(crate) fn fail() {
    FAILED.store(true, Ordering::Release);
    want();
}

/// Whether the screen has failed.
pub(crate) fn has_failed() -> bool {
    FAILED.load(Ordering::Acquire)
}

/// Resolves when an end is wanted, now or before.
pub(crate) async fn wanted() {
    listen();
    // The sender is never dropped.
    let _ = WANTED.subscribe().wait_for(|wanted| *wanted).await;
}
