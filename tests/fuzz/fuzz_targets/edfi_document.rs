//! An Ed-Fi document.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeroom_ingestion::fuzz::edfi_document(input));
