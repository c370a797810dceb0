//! See `image::fuzzing::index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| image::fuzzing::index(bytes));
