//! The short form of the fuzz targets: the same checks on inputs of a fixed seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rollmark_tests::fuzzing::{TARGETS, inputs};

/// Changes with every change of what is worth trying; a failure names the input, whatever the seed.
const SEED: u64 = 0x0004_5754;

/// Runs `count` inputs through a target of [`TARGETS`].
fn run(name: &str, count: usize) {
    let target = TARGETS
        .into_iter()
        .find(|target| target.name == name)
        .expect("there is such a target");
    for (at, input) in inputs(target.shape, SEED, count).enumerate() {
        if catch_unwind(AssertUnwindSafe(|| (target.check)(&input))).is_err() {
            panic!(
                "{name}: input {at}, as text {:?}, as bytes {input:?}",
                String::from_utf8_lossy(&input)
            );
        }
    }
}

#[test]
fn the_reader_accepts_what_roxmltree_accepts_and_reads_the_same_tree() {
    run("reader_well_formed", 20_000);
}

#[test]
fn the_reader_tells_the_events_that_quick_xml_tells() {
    run("reader_events", 20_000);
}

#[test]
fn uris_compare_the_same_from_either_side_and_in_the_index() {
    run("uri_pair", 10_000);
}

#[test]
fn header_readers_take_any_text() {
    run("headers", 20_000);
}

#[test]
fn any_sequence_of_documents_gives_the_roster_of_the_oracle() {
    run("documents", 4_000);
}

#[test]
fn any_policy_is_read_and_its_verdicts_hold_what_they_say() {
    run("rules", 20_000);
}

#[test]
fn any_xcap_diff_document_is_read_by_the_table() {
    run("xcap_diff", 20_000);
}

#[test]
fn no_sequence_of_inputs_breaks_the_engine() {
    run("engine_inputs", 3_000);
}

#[test]
fn every_target_has_a_binary_and_seeds_that_pass() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for target in TARGETS {
        let binary = fuzz
            .join("fuzz_targets")
            .join(target.name)
            .with_extension("rs");
        assert!(binary.is_file(), "{}", binary.display());
        let seeds = fuzz.join("seeds").join(target.name);
        let mut count = 0;
        for seed in std::fs::read_dir(&seeds).expect("there are seeds") {
            let seed = std::fs::read(seed.expect("a seed is listed").path());
            (target.check)(&seed.expect("a seed is read"));
            count += 1;
        }
        assert!(count > 0, "{} is empty", seeds.display());
    }
}
