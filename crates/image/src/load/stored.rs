//! A file of an archive of images, in the store's temporary directory or in the store itself, and what is known of it as a layer.

use std::path::PathBuf;

use crate::{
    Error, Result,
    archive::Compression,
    digest::Digest,
    spool::Spooled,
    store::{Hold, read_small},
    unpack::Unpacked,
};

/// A file of the archive.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) spooled: Spooled,
    pub(super) compression: Compression,
    /// None if it did not look like a layer, or was used as one already.
    pub(super) fate: Option<Fate>,
}

/// What became of a file that looked like a layer.
#[derive(Debug)]
pub(super) enum Fate {
    /// Its files are in the directory.
    Unpacked { directory: PathBuf, unpacked: Unpacked },
    /// It is no layer after all, or a broken one.
    Failed(Error),
    /// The store has it, unpacked as this layer.
    Kept { hold: Hold, layer: Digest },
}

impl Stored {
    /// The bytes of a file that is small.
    pub(super) fn bytes(&self, limit: u64) -> Result<Vec<u8>> {
        read_small(&self.path, limit)
    }
}
