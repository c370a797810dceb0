//! Unpacking a layer: from a verified blob to a directory that overlayfs can stack.
//!
//! Inputs: the blob of a layer and the digest its plain archive must have. Outputs: `<target>/diff`.
//! Nothing outside the target is touched, whatever the archive says: see [`root`].
//! One thread decompresses, one takes the digest, one applies; chunks are shared, not copied.

mod apply;
mod attribute;
pub(crate) mod path;
mod pipeline;
mod root;

pub use apply::{Rules, extract};
pub(crate) use pipeline::{Unpacked, unpack};
