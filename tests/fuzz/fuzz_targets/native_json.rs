//! A JSON body of the native API.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_ingestion::fuzz::native_json(input));
