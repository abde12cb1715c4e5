//! Runs [`ferrymq_fuzz::log_replay`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::log_replay(data));
