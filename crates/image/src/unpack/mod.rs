//! Unpacking a layer: from its bytes as they come to a blob and a directory that overlayfs can stack.
//!
//! Inputs: the bytes of a layer, compressed or not. Outputs: the blob's file, `<target>/diff`, and the digests of both.
//! Nothing outside the targets is touched, whatever the archive says: see [`root`].

mod apply;
mod attribute;
mod ground;
pub(crate) mod path;
mod pipeline;
mod root;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use apply::apply;
pub use apply::{Adapt, Rules, extract};
pub(crate) use pipeline::{Taken, Unpacked, take_in, unpack, unpack_chunks};
