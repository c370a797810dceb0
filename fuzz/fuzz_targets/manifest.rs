//! See `image::fuzzing::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| image::fuzzing::manifest(bytes));
