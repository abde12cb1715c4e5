//! Runs [`ferrymq_fuzz::topic_filter`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::topic_filter(data));
