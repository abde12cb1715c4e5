//! Runs [`ferrymq_fuzz::acl_file`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrymq_fuzz::acl_file(data));
