//! Random worlds: whatever happens, the rules hold at every step, and once it is quiet the roster is the truth.

use std::path::Path;

use rollmark_core::record::{self, Recording};
use rollmark_tests::replaced::replaced;
use rollmark_tests::world::notifier::{MOODS, Mood};
use rollmark_tests::world::simulation::{self, Failure, Outcome, Plan};

const DIRECTORY: &str = env!("CARGO_TARGET_TMPDIR");

fn must(result: Result<Outcome, Box<Failure>>) -> Outcome {
    match result {
        Ok(outcome) => outcome,
        Err(failure) => {
            let path = failure.write(Path::new(DIRECTORY));
            let (plan, fault) = (failure.plan, failure.fault);
            panic!("{plan:?}: {fault}\nrecorded in {}", path.display());
        }
    }
}

fn all(plans: impl Iterator<Item = Plan>) -> Outcome {
    let mut sum = Outcome::default();
    for plan in plans {
        let outcome = must(simulation::run(plan));
        sum.inputs += outcome.inputs;
        sum.active += outcome.active;
        sum.ended += outcome.ended;
        sum.taken += outcome.taken;
        sum.worst = sum.worst.max(outcome.worst);
    }
    println!("{sum:?}");
    sum
}

/// SEC-18, SUB-20, SUB-38, SUB-42, SW-13…16: servers that change from good to any kind of bad and back, on bad networks.
#[test]
fn whatever_happens_the_rules_hold_and_the_end_is_the_truth() {
    let sum = all((0..700).map(Plan::of));
    assert!(
        sum.active > 500 && sum.ended > 300 && sum.taken > 5000,
        "{sum:?}"
    );
}

/// CONF-08, CONF-09, SUB-31, SUB-74: what a bad network alone does to a good server is repaired before the next refresh.
#[test]
fn a_bad_network_alone_costs_nobody_his_roster() {
    let plans = (0..700).map(|seed| Plan {
        mood: Some(Mood::Good),
        ..Plan::of(10_000 + seed)
    });
    let sum = all(plans);
    assert!(sum.active > 500 && sum.taken > 10_000, "{sum:?}");
}

/// SEC-18: each kind of bad server, all the time, on every kind of network.
#[test]
fn no_kind_of_bad_server_breaks_a_rule() {
    let plans = MOODS.iter().flat_map(|mood| {
        (0..11).map(|seed| Plan {
            mood: Some(*mood),
            ..Plan::of(20_000 + seed)
        })
    });
    let sum = all(plans);
    assert!(sum.active > 200 && sum.ended > 200, "{sum:?}");
}

/// SW-05, SW-06, SW-07, SW-09, IMS-05: accounts go from core to core and lose their registrations in the midst of it all;
/// the rules hold, nobody is told of joins or leaves that are none, and the end is the truth with one subscription each.
#[test]
fn switching_breaks_no_rule() {
    let plans = (0..300).map(|seed| Plan {
        switches: true,
        most: 400,
        mood: (seed % 2 == 0).then_some(Mood::Good),
        ..Plan::of(40_000 + seed)
    });
    let sum = all(plans);
    assert!(sum.active > 200 && sum.taken > 2000, "{sum:?}");
}

/// A world has no other source than its seed, and a recording holds all that went into the engine.
#[test]
fn a_replay_gives_the_same_outputs_byte_for_byte() {
    for seed in 30_000..30_200 {
        let plan = Plan::of(seed);
        let [one, other] = [(); 2].map(|()| match simulation::run_recorded(plan) {
            Ok(recorded) => recorded,
            Err(failure) => panic!("seed {seed}: {}", failure.fault),
        });
        assert!(one.transcript.len() > 500, "seed {seed}");
        assert_eq!(one.text, other.text, "seed {seed}");
        assert_eq!(one.transcript, other.transcript, "seed {seed}");
        let replayed = simulation::replay(&one.text, plan.most);
        assert_eq!(replayed.as_ref(), Ok(&one.transcript), "seed {seed}");
    }
}

/// SEC-16: a recording in which everybody is replaced comes to the same: answers, requests, events, in the same order, at the
/// same times, each name another one throughout.
#[test]
fn a_replay_with_everybody_replaced_comes_to_the_same_under_other_names() {
    for seed in 30_000..30_120 {
        let plan = Plan {
            switches: seed % 3 == 0,
            most: 400,
            ..Plan::of(seed)
        };
        let recorded = match simulation::run_recorded(plan) {
            Ok(recorded) => recorded,
            Err(failure) => panic!("seed {seed}: {}", failure.fault),
        };
        let recording = Recording::read(&recorded.text).expect("it is whole");
        let other = record::redacted(&recording, [7; 32]);
        assert_ne!(recording.seed, other.seed);
        let play = |recording| match simulation::play(recording, plan.most) {
            Ok(transcript) => transcript,
            Err(fault) => panic!("seed {seed}: {fault}"),
        };
        let words = match replaced(&play(&recording), &play(&other)) {
            Ok(words) => words,
            Err(fault) => panic!("seed {seed}: {fault}"),
        };
        for (name, other) in &words {
            let plain = ["subscribe", "conference", "connected", "test"].contains(&&**name);
            let named = name.starts_with("room") || name.starts_with("me0");
            assert!(!plain || name == other, "seed {seed}: {name} is {other}");
            assert!(!named || name != other, "seed {seed}: {name}");
        }
    }
}

/// The file of a failing case fails again, with the same words.
#[test]
fn a_failing_world_leaves_a_recording_that_fails_again() {
    let mut failed = 0;
    for seed in 40_000..40_010 {
        // Nobody gets by with one request a minute for long.
        let plan = Plan {
            most: 1,
            ..Plan::of(seed)
        };
        let Err(failure) = simulation::run(plan) else {
            continue;
        };
        let path = failure.write(Path::new(DIRECTORY));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(&format!("# seed {seed}: {}", failure.fault)),
            "{text}"
        );
        assert_eq!(simulation::replay(&text, plan.most), Err(failure.fault));
        std::fs::remove_file(path).unwrap();
        failed += 1;
    }
    assert!(failed > 5, "{failed}");
}
