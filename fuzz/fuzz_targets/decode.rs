//! Runs [`ferrymq_fuzz::decode`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::decode(data));
