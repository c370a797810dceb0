//! See `image::fuzzing::extended_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| image::fuzzing::extended_header(bytes));
