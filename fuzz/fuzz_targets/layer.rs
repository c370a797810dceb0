//! See `image::fuzzing::layer`. Needs root; works in a private directory in memory.
#![no_main]

use std::sync::LazyLock;

use tempfile::TempDir;

static SCRATCH: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::Builder::new().prefix("shoal-fuzz-").tempdir_in("/dev/shm").expect("/dev/shm")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| image::fuzzing::layer(bytes, SCRATCH.path()));
