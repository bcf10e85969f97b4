//! A body of CloudEvents.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_ingestion::fuzz::cloud_events(input));
