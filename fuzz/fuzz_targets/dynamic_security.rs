//! Runs [`ferrymq_fuzz::dynamic_security`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::dynamic_security(data));
