//! Archives: reading and writing tar streams, telling and undoing compression, taking in what clients send, and
//! extracting within a given root.
//!
//! What is public here serves whoever moves files in and out of containers: the same reader, writer and rules as for layers.

mod chunk;
mod compression;
mod feed;
mod pax;
mod tar_reader;
mod tar_writer;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::pax::Extended;
pub use crate::unpack::{Adapt, Rules, extract};
pub use chunk::Chunks;
pub(crate) use chunk::{Chunk, Pool, chunks};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use compression::open as decompress;
pub use compression::open_plain;
pub(crate) use compression::{Compression, MAGIC_BYTES, undo};
pub use feed::feed;
pub(crate) use feed::feed_chunks;
pub(crate) use tar_reader::TarReader;
pub use tar_reader::{Entry, Kind};
pub use tar_writer::TarWriter;
pub(crate) use tar_writer::{tar_head, tar_padding};
