//! End to end, as root, over the wire: the tests are in `e2e/`.
#![forbid(unsafe_code)]
