//! A message on a topic.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_proto::fuzz::envelope(input));
