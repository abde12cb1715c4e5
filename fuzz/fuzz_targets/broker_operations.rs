//! Runs [`ferrymq_fuzz::broker_operations`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::broker_operations(data));
