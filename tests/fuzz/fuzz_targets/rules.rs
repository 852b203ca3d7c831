//! `rollmark_tests::fuzzing::rules` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rollmark_tests::fuzzing::rules(data));
