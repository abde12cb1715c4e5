//! Runs [`ferrymq_fuzz::configuration`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::configuration(data));
