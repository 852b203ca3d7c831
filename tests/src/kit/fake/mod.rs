//! A fake host in memory, on a simulated clock: plays transaction, dialog and watching hosts with every capability on
//! and off. It speaks SIP as text to the scripted notifier, as a real one does over a socket.

mod dialog;
mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rollmark_core::blocklist::Mark;
use rollmark_core::host::{Capabilities, Fact, HostKind};

use super::message::Message;
use super::notifier::{Form, Notifier};
use super::wire::Wire;
use super::words::words;
use super::{Abilities, Adapter, Host, ROOM, STOP_PATIENCE, Setup};
use world::{THERE, World};

/// The adapter for a fake host with these capabilities.
#[derive(Clone, Copy, Debug)]
pub struct Fake(pub Capabilities);

impl Adapter for Fake {
    fn abilities(&self) -> Abilities {
        let Self(capabilities) = *self;
        let watching = capabilities.kind == HostKind::Watching;
        Abilities {
            form: Form {
                contact_tag: true,
                accept_contact: true,
                farewells: false,
            },
            refreshes_on_demand: !watching,
            chooses_answer: capabilities.chooses_answer,
            sees_final_notify: capabilities.sees_final_notify,
            connections: false,
            own_time_out: !watching,
            digest: true,
        }
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let world = Rc::new(RefCell::new(World::new(self.0, setup)));
        let notifier = Notifier::new(Memory(world.clone()), self.abilities().form);
        (Box::new(Phone(world)), notifier)
    }
}

/// The wire, seen from the notifier.
#[derive(Debug)]
struct Memory(Rc<RefCell<World>>);

impl Wire for Memory {
    fn address(&self) -> String {
        THERE.into()
    }

    fn transport(&self) -> &'static str {
        "UDP"
    }

    fn send(&mut self, message: &Message, _contact: Option<&str>) {
        self.0.borrow_mut().receive(message);
    }

    fn receive(&mut self, within: Duration) -> Option<Message> {
        let mut world = self.0.borrow_mut();
        let until = world.now + within;
        loop {
            if let Some(message) = world.sent.pop_front() {
                return Some(message);
            }
            if !world.wake(until) {
                return None;
            }
        }
    }
}

/// The user's side.
#[derive(Debug)]
struct Phone(Rc<RefCell<World>>);

impl Host for Phone {
    fn subscribe(&mut self) {
        let mut world = self.0.borrow_mut();
        let (now, account) = (world.now, world.account);
        let watch = world.engine.watch(now, account, ROOM).expect("a SIP URI");
        world.watch = Some(watch);
        world.drain();
    }

    fn unsubscribe(&mut self) {
        let mut world = self.0.borrow_mut();
        let (now, watch) = (world.now, world.watch.expect("it is subscribed"));
        world.engine.unsubscribe(now, watch);
        world.drain();
    }

    fn network_changed(&mut self) {
        let mut world = self.0.borrow_mut();
        let now = world.now;
        world.engine.handle_fact(now, Fact::FlowLost);
        world.drain();
    }

    fn stop(&mut self) {
        let mut world = self.0.borrow_mut();
        let now = world.now;
        world.engine.stop(now, STOP_PATIENCE);
        world.drain();
    }

    fn told(&mut self, within: Duration) -> Option<String> {
        let mut world = self.0.borrow_mut();
        let until = world.now + within;
        loop {
            if let Some(event) = world.engine.poll_event() {
                let line = words(&event.what);
                world.said.push(line.clone());
                return Some(line);
            }
            if !world.wake(until) {
                return None;
            }
        }
    }

    fn roster(&mut self) -> Vec<String> {
        let world = self.0.borrow();
        let roster = world.watch.and_then(|watch| world.engine.roster(watch));
        let shown = |row: rollmark_core::roster::Row| {
            let blocked = matches!(row.mark, Mark::Blocked(_));
            format!("{}{}", if blocked { "!" } else { "" }, row.user.entity())
        };
        let mut rows: Vec<_> = roster
            .into_iter()
            .flat_map(|r| r.rows().map(shown))
            .collect();
        rows.sort();
        rows
    }

    fn ended(&mut self, _within: Duration) -> bool {
        while self.told(Duration::from_secs(60)).is_some() {}
        let mut world = self.0.borrow_mut();
        assert_eq!(
            world.engine.poll_timeout(),
            None,
            "nothing may run any more"
        );
        assert!(
            world.dialogs.is_empty(),
            "every dialog is forgotten: {:?}",
            world.dialogs
        );
        if let Some(watch) = world.watch.take() {
            world.engine.remove(watch);
        }
        assert!(world.engine.watches().is_empty());
        true
    }

    fn transcript(&self) -> String {
        format!(
            "the fake host told\n  {}",
            self.0.borrow().said.join("\n  ")
        )
    }

    fn is_real(&self) -> bool {
        false
    }
}
