//! A rule's condition.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_domain::fuzz::condition(input));
