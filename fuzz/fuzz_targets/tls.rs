//! Runs [`ferrymq_fuzz::tls`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::tls(data));
