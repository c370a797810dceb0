//! See `image::fuzzing::challenge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| image::fuzzing::challenge(bytes));
