//! `rollmark_tests::fuzzing::xcap_diff` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rollmark_tests::fuzzing::xcap_diff(data));
