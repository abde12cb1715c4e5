//! Runs [`ferrymq_fuzz::token`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::token(data));
