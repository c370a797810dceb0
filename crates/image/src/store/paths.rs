//! Where things lie beneath the root of the store. Only names that were checked become part of a path.

use std::path::{Path, PathBuf};

use crate::{Error, Result, digest::Digest};

/// Longest accepted id of a container, in bytes.
const MAX_CONTAINER_ID_BYTES: usize = 128;

/// The directories of a store.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    pub(crate) fn new(root: PathBuf) -> Paths {
        Paths { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The metadata file.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("image.redb")
    }

    /// Room that is kept for removals.
    pub(crate) fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// All blobs, as an OCI layout has them.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Unpacked layers.
    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// The directory of one layer; its files are in `diff` within.
    pub(crate) fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.layers().join(diff_id.hex())
    }

    /// Short links to the `diff` of each layer.
    pub(crate) fn links(&self) -> PathBuf {
        self.root.join("l")
    }

    /// Writable layers of containers.
    pub(crate) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    pub(crate) fn container(&self, id: &str) -> Result<PathBuf> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let fits = !id.is_empty() && id.len() <= MAX_CONTAINER_ID_BYTES && !id.starts_with('.');
        if !fits || !id.bytes().all(plain) {
            return Err(Error::InvalidContainerId(id.chars().take(MAX_CONTAINER_ID_BYTES).collect()));
        }
        Ok(self.containers().join(id))
    }

    /// What is under way or waits to be deleted; swept when the store opens.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// Name of the directory of a layer's or container's files.
pub(crate) const DIFF: &str = "diff";
/// Name of the work directory of a container's overlay.
pub(crate) const WORK: &str = "work";
/// Name of the file that lists the links of a container's layers, topmost first, one per line.
pub(crate) const LOWER: &str = "lower";
