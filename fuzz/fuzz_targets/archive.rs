//! See `image::fuzzing::Bench`. Needs root; its store is a private directory in memory.
#![no_main]

use std::sync::LazyLock;

use image::fuzzing::Bench;
use tempfile::TempDir;

static BENCH: LazyLock<(Bench, TempDir)> = LazyLock::new(|| {
    let scratch = tempfile::Builder::new().prefix("shoal-fuzz-").tempdir_in("/dev/shm").expect("/dev/shm");
    (Bench::open(scratch.path()), scratch)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| BENCH.0.archive(bytes));
