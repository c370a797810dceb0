//! What fuzzers feed: one function per kind of hostile input, which panics when a promise about it is broken.
//!
//! Inputs: any bytes, and a private directory to work in. Outputs: nothing; an input that is refused is fine.
//! Built for tests and for the crate `fuzz` only (feature `fuzzing`): no part of this room's interface.

mod archive;
mod layer;
#[cfg(test)]
mod tests;
mod text;

pub use archive::Bench;
pub use layer::layer;
pub use text::{challenge, change, config, extended_header, index, manifest, reference};

/// Longest input that is worth trying, in bytes.
pub const MAX_INPUT_BYTES: usize = 256 << 10;
