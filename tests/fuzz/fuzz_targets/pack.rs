//! A rule pack.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_domain::fuzz::pack(input));
