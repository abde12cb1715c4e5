//! Runs [`ferrymq_fuzz::encode_decode`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::encode_decode(data));
