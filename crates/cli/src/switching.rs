//! Switching between plain SIP and IMS while a conference is watched: by SIGUSR1, or by a key (SW-05…10).

use std::io::{self, IsTerminal, Read};

use rollmark::core::digest::Credentials;
use rollmark::core::profile::{Ims, Mode, Plain};
use rollmark::{Conferences, Registration};
use rollmark_ua::{Feeding, UserAgent};
use rustix::termios::{LocalModes, OptionalActions, Termios};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::args::{self, Lists, Watch};
use crate::registration::{self, Outcome, Registered};
use crate::source::{Xdms, XdmsInUse};

/// The key that switches.
const KEY: u8 = b'm';

/// What asks for a switch.
pub(crate) struct Triggers {
    signal: Option<Signal>,
    keys: mpsc::UnboundedReceiver<()>,
    terminal: Option<Terminal>,
}

impl Triggers {
    /// From now on SIGUSR1 switches, and the key: that of the screen, or of a person who sits at a terminal and reads text.
    pub(crate) fn new(json: bool, of_screen: Option<mpsc::UnboundedReceiver<()>>) -> Self {
        let (pressed, keys) = mpsc::unbounded_channel();
        let terminal = match json || of_screen.is_some() {
            true => None,
            false => Terminal::take(pressed),
        };
        Self {
            signal: signal(SignalKind::user_defined1()).ok(),
            keys: of_screen.unwrap_or(keys),
            terminal,
        }
    }

    /// Whether there is a key that nobody has told of yet.
    pub(crate) fn has_key(&self) -> bool {
        self.terminal.is_some()
    }

    /// Says at each wish for a switch why there is none. Never ends.
    pub(crate) async fn refuse(&mut self, why: &str) {
        loop {
            self.next().await;
            crate::show::complain(&format!("not switched: {why}"));
        }
    }

    /// Resolves when somebody wants a switch.
    async fn next(&mut self) {
        let signalled = async {
            match &mut self.signal {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        let pressed = async {
            if self.keys.recv().await.is_none() {
                std::future::pending().await
            }
        };
        tokio::select! {
            _ = signalled => {}
            () = pressed => {}
        }
    }
}

/// A terminal that gives each key at once; as it was when dropped.
struct Terminal(Termios);

impl Terminal {
    /// None where nobody sits at one, or this is not what he runs in the foreground.
    fn take(pressed: mpsc::UnboundedSender<()>) -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stdout().is_terminal() {
            return None;
        }
        // Reading in the background would stop the program.
        let foreground = rustix::termios::tcgetpgrp(&stdin).ok()?;
        if foreground != rustix::process::getpgrp() {
            return None;
        }
        let before = rustix::termios::tcgetattr(&stdin).ok()?;
        let mut keys = before.clone();
        keys.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        rustix::termios::tcsetattr(&stdin, OptionalActions::Now, &keys).ok()?;
        // A thread of its own, which holds nobody up at the end.
        std::thread::spawn(move || {
            for byte in io::stdin().lock().bytes() {
                match byte {
                    Ok(KEY) if pressed.send(()).is_err() => return,
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        Some(Self(before))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// A watch that can be put on another SIP core.
pub(crate) struct Switching<'a> {
    pub(crate) args: &'a Watch,
    pub(crate) agent: &'a UserAgent,
    pub(crate) identity: &'a str,
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) conferences: &'a Conferences,
    /// As which the XDMS is asked, and its sources in use.
    pub(crate) xdms: Option<(Xdms<'a>, XdmsInUse)>,
    /// With the IMS core; it is kept in plain mode, so that the way back is short.
    pub(crate) registered: Option<Registered>,
    pub(crate) feeding: Option<Feeding>,
    pub(crate) mode: Mode,
}

impl Switching<'_> {
    /// Switches whenever it is asked for. Never ends.
    pub(crate) async fn run(&mut self, triggers: &mut Triggers) {
        loop {
            triggers.next().await;
            let to = match self.mode {
                Mode::Sip => Mode::Ims,
                Mode::Ims => Mode::Sip,
            };
            let switched = match to {
                Mode::Ims => self.enter_ims().await,
                Mode::Sip => {
                    self.enter_plain();
                    true
                }
            };
            if switched {
                self.mode = to;
                self.switch_xdms();
            }
        }
    }

    /// False when there is no registration with an IMS core, and none comes about.
    async fn enter_ims(&mut self) -> bool {
        if self.registered.is_none() && !self.register().await {
            return false;
        }
        let Some(registered) = &self.registered else {
            return false;
        };
        let facts = registered.registering.status().borrow().facts.clone();
        let facts = Registration {
            // The plugin names the address of the flow it uses.
            contact: String::new(),
            ..facts
        };
        self.conferences
            .switch(Ims(self.args.account.profile_settings()), facts);
        if self.feeding.is_none() {
            self.feeding = Some(registered.registering.feed(self.conferences));
        }
        true
    }

    async fn register(&mut self) -> bool {
        if self.args.account.identity.is_none() {
            crate::show::complain("not switched: an IMS core registers its users; give --as URI");
            return false;
        }
        let (agent, account, identity) = (self.agent, &self.args.account, self.identity);
        let mode = args::Mode::Ims;
        match registration::register(agent, account, identity, self.credentials, mode).await {
            Ok(Outcome::Registered(registered)) => {
                if let Err(fault) = registered.usable_identity(account, identity) {
                    tell(&fault);
                    registered
                        .registering
                        .deregister(crate::watch::PATIENCE)
                        .await;
                    return false;
                }
                self.registered = Some(*registered);
                true
            }
            Ok(Outcome::Nobody | Outcome::Stopped) => false,
            Err(fault) => {
                tell(&fault);
                false
            }
        }
    }

    fn enter_plain(&mut self) {
        let facts = match (&self.args.account.sip_server, &self.registered) {
            (Some(server), _) => self.agent.facts_by(server),
            // The same core, which knows the user: RFC 3608 is not for IMS only (SW-02).
            (None, Some(registered)) => Registration {
                contact: String::new(),
                ..registered.registering.status().borrow().facts.clone()
            },
            (None, None) => self.agent.facts().clone(),
        };
        if self.args.account.sip_server.is_some()
            && let Some(feeding) = self.feeding.take()
        {
            feeding.stop();
        }
        self.conferences
            .switch(Plain(self.args.account.profile_settings()), facts);
    }

    fn switch_xdms(&mut self) {
        let Some((xdms, in_use)) = &mut self.xdms else {
            return;
        };
        xdms.ims = self.mode == Mode::Ims;
        xdms.root = root(&self.args.lists, xdms.ims).unwrap_or(xdms.root);
        if let Err(fault) = in_use.switch(xdms) {
            tell(&fault);
        }
    }
}

/// The XCAP root of a mode.
pub(crate) fn root(lists: &Lists, ims: bool) -> Option<&str> {
    let of_plain = lists.sip_xcap_root.as_deref().filter(|_| !ims);
    of_plain.or(lists.xcap_root.as_deref())
}

fn tell(fault: &crate::fault::Fault) {
    let text = crate::text::safe(&fault.to_string());
    crate::show::complain(&format!("not switched: {text}"));
}
