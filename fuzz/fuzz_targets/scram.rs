//! Runs [`ferrymq_fuzz::scram`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::scram(data));
