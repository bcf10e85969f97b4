//! Two layered rule documents, one after the other.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_domain::fuzz::layers(input));
