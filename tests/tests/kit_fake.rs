//! Hosts of every kind, with every capability on and off, pass the conformance kit in memory, on a simulated clock.

use rollmark_core::host::{Capabilities, HostKind};
use rollmark_tests::kit::fake::Fake;
use rollmark_tests::kit::{Adapter, SCENARIOS, impossible, run};

/// Every combination that means something for a host of this kind.
fn combinations(kind: HostKind) -> Vec<Capabilities> {
    let mut all = Vec::new();
    for bits in 0..64u8 {
        let bit = |place: u8| bits & (1 << place) != 0;
        let capabilities = Capabilities {
            kind,
            keeps_order: bit(0),
            sees_final_notify: bit(1),
            sees_2xx: bit(2),
            per_request_headers: bit(3),
            explicit_routes: bit(4),
            chooses_answer: bit(5),
        };
        let sensible = match kind {
            // Whoever has transactions sees and decides everything.
            HostKind::Transaction => bits | 1 == 0b11_1111,
            HostKind::Dialog => true,
            // It repeats its headers by itself.
            HostKind::Watching => !capabilities.per_request_headers,
        };
        if sensible {
            all.push(capabilities);
        }
    }
    all
}

fn pass(kind: HostKind) {
    let hosts = combinations(kind);
    for capabilities in &hosts {
        for scenario in SCENARIOS {
            run(&Fake(*capabilities), scenario);
        }
    }
    assert_eq!(
        hosts.len(),
        match kind {
            HostKind::Transaction => 2,
            HostKind::Dialog => 64,
            HostKind::Watching => 32,
        }
    );
}

/// SW-11: a transaction host.
#[test]
fn transaction_hosts() {
    pass(HostKind::Transaction);
}

/// SW-12: a host that owns dialogs.
#[test]
fn dialog_hosts() {
    pass(HostKind::Dialog);
}

/// SW-12: a host that owns whole subscriptions.
#[test]
fn watching_hosts() {
    pass(HostKind::Watching);
}

fn ruled_out(capabilities: Capabilities) -> Vec<&'static str> {
    let all = impossible(&Fake(capabilities).abilities());
    let names = all.into_iter().map(|(name, _)| name);
    names.filter(|name| *name != "lost_connection").collect()
}

/// SW-12: what each nature rules out, by name.
#[test]
fn what_is_impossible_is_known() {
    assert!(ruled_out(Capabilities::TRANSACTION).is_empty());
    assert!(ruled_out(Capabilities::DIALOG).is_empty());
    let hidden = Capabilities {
        sees_final_notify: false,
        chooses_answer: false,
        ..Capabilities::DIALOG
    };
    assert_eq!(
        ruled_out(hidden),
        ["wrong_type", "unsubscribe_with_final_roster"]
    );
    assert_eq!(
        ruled_out(Capabilities::WATCHING),
        [
            "silence_then_service",
            "accepted_without_notify",
            "refresh_answered_500",
            "network_change",
            "wrong_type",
            "version_gap",
            "unsubscribe_with_final_roster",
        ]
    );
}
