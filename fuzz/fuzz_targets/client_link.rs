//! Runs [`ferrymq_fuzz::client_link`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::client_link(data));
