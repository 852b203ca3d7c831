//! The scenarios, in the order of a subscription's life.

mod end;
mod life;
mod start;
mod terminated;

use std::time::Duration;

use super::{Abilities, Setup, Stage};

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, which is that of its test.
    pub name: &'static str,
    /// Why a host with these abilities cannot play it; none when it can.
    pub impossible: fn(&Abilities) -> Option<&'static str>,
    /// What it starts with.
    pub setup: fn(&mut Setup),
    /// What happens.
    pub play: fn(&mut Stage),
}

/// T1 of the scenarios that wait for Timer N: it is then under four seconds.
const SHORT_T1: Duration = Duration::from_millis(60);

const fn always(_: &Abilities) -> Option<&'static str> {
    None
}

fn short_t1(setup: &mut Setup) {
    setup.t1 = SHORT_T1;
}

fn nothing(_: &mut Setup) {}

/// A scenario that every host can play.
const fn plain(name: &'static str, play: fn(&mut Stage)) -> Scenario {
    Scenario {
        name,
        impossible: always,
        setup: nothing,
        play,
    }
}

/// A scenario that waits for Timer N.
const fn slow(name: &'static str, play: fn(&mut Stage)) -> Scenario {
    Scenario {
        name,
        impossible: always,
        setup: short_t1,
        play,
    }
}

fn needs_refresh(abilities: &Abilities) -> Option<&'static str> {
    (!abilities.refreshes_on_demand)
        .then_some("the host refreshes when it likes, not when it is asked to")
}

fn needs_choice(abilities: &Abilities) -> Option<&'static str> {
    (!abilities.chooses_answer).then_some("the host answers NOTIFYs by itself")
}

fn needs_final_notify(abilities: &Abilities) -> Option<&'static str> {
    (!abilities.sees_final_notify).then_some("the host keeps the final NOTIFY to itself")
}

fn needs_connection(abilities: &Abilities) -> Option<&'static str> {
    (!abilities.connections || !abilities.refreshes_on_demand)
        .then_some("there is no connection that could be lost")
}

fn needs_timer_n(abilities: &Abilities) -> Option<&'static str> {
    (!abilities.own_time_out).then_some("the host decides by itself when a server is dead")
}

fn needs_digest(abilities: &Abilities) -> Option<&'static str> {
    (!abilities.digest).then_some("the host answers no challenge")
}

/// All scenarios.
pub static SCENARIOS: &[Scenario] = &[
    plain("plain_subscription", start::plain_subscription),
    plain(
        "notify_before_the_response",
        start::notify_before_the_response,
    ),
    plain("interval_too_brief", start::interval_too_brief),
    plain("forbidden", start::forbidden),
    Scenario {
        name: "challenge",
        impossible: needs_digest,
        setup: start::with_password,
        play: start::challenge,
    },
    Scenario {
        name: "wrong_password",
        impossible: needs_digest,
        setup: start::with_password,
        play: start::wrong_password,
    },
    plain("accepted_with_202", start::accepted_with_202),
    Scenario {
        name: "silence_then_service",
        impossible: needs_timer_n,
        setup: short_t1,
        play: start::silence_then_service,
    },
    Scenario {
        name: "accepted_without_notify",
        impossible: needs_timer_n,
        setup: short_t1,
        play: start::accepted_without_notify,
    },
    plain("pending_first", start::pending_first),
    plain(
        "unsubscribe_before_the_answer",
        start::unsubscribe_before_the_answer,
    ),
    plain("refresh_in_time", life::refresh_in_time),
    plain("refresh_answered_481", life::refresh_answered_481),
    Scenario {
        name: "refresh_answered_500",
        impossible: needs_refresh,
        setup: nothing,
        play: life::refresh_answered_500,
    },
    Scenario {
        name: "network_change",
        impossible: needs_refresh,
        setup: nothing,
        play: life::network_change,
    },
    Scenario {
        name: "lost_connection",
        impossible: needs_connection,
        setup: nothing,
        play: life::lost_connection,
    },
    plain("malformed_body", life::malformed_body),
    Scenario {
        name: "wrong_type",
        impossible: needs_choice,
        setup: nothing,
        play: life::wrong_type,
    },
    Scenario {
        name: "version_gap",
        impossible: needs_refresh,
        setup: nothing,
        play: life::version_gap,
    },
    Scenario {
        name: "block_list_marks",
        impossible: always,
        setup: life::with_block_list,
        play: life::block_list_marks,
    },
    plain("ended_by_the_document", life::ended_by_the_document),
    plain("terminated_deactivated", terminated::deactivated),
    plain("terminated_timeout", terminated::timeout),
    plain("terminated_probation", terminated::probation),
    plain("terminated_giveup", terminated::giveup),
    plain("terminated_rejected", terminated::rejected),
    plain("terminated_noresource", terminated::noresource),
    plain("terminated_invariant", terminated::invariant),
    plain("terminated_unknown", terminated::unknown),
    Scenario {
        name: "unsubscribe_with_final_roster",
        impossible: needs_final_notify,
        setup: nothing,
        play: end::unsubscribe_with_final_roster,
    },
    plain(
        "unsubscribe_with_empty_final_notify",
        end::unsubscribe_with_empty_final_notify,
    ),
    slow(
        "unsubscribe_without_final_notify",
        end::unsubscribe_without_final_notify,
    ),
    plain("unsubscribe_answered_481", end::unsubscribe_answered_481),
    plain("stop_while_subscribed", end::stop_while_subscribed),
    plain("stop_with_a_dead_server", end::stop_with_a_dead_server),
    plain("stop_while_waiting", end::stop_while_waiting),
];
