//! See `image::fuzzing::change`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| image::fuzzing::change(bytes));
