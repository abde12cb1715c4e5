//! Runs [`ferrymq_fuzz::server_link`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::server_link(data));
