//! Archives: reading tar streams, telling and undoing compression, taking in what clients send.

mod compression;
mod feed;
mod pax;
mod tar_reader;

pub(crate) use compression::{Compression, open as decompress};
pub(crate) use feed::feed;
pub(crate) use tar_reader::{Entry, Kind, TarReader};
