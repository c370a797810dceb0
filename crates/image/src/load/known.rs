//! What the store has already, so that an archive's copy of it need not be read.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::Read,
    sync::Arc,
};

use tokio::runtime::Handle;

use super::stored::{Fate, Stored};
use crate::{
    Error, Result,
    archive::{Compression, MAGIC_BYTES},
    digest::Digest,
    spool::Spooled,
    store::{Catalog, Holder, Paths},
};

/// The layers of the store at the beginning of a load. For a thread outside of the runtime.
#[derive(Debug)]
pub(super) struct Known {
    /// Blob → the layer that it unpacks to.
    layers: HashMap<Digest, Digest>,
    /// Layer → a blob of it.
    blobs: HashMap<Digest, Digest>,
    /// Bytes of each of those blobs.
    sizes: HashSet<u64>,
    paths: Arc<Paths>,
    holder: Holder,
    runtime: Handle,
}

impl Known {
    pub(super) fn new(catalog: &Catalog, paths: Arc<Paths>, holder: Holder, runtime: Handle) -> Known {
        let records = catalog.images.values().map(|entry| &entry.record);
        let pairs =
            records.flat_map(|record| record.blobs.iter().copied().zip(record.layers.iter().copied()));
        let layers: HashMap<Digest, Digest> = pairs.collect();
        let blobs = layers.iter().map(|(blob, layer)| (*layer, *blob)).collect();
        let sizes =
            layers.keys().filter_map(|blob| fs::metadata(paths.blob(blob)).ok()).map(|file| file.len());
        Known { blobs, sizes: sizes.collect(), layers, paths, holder, runtime }
    }

    /// True if the store has a layer of as many bytes, so that looking at the digest first may save the unpacking.
    pub(super) fn may_have(&self, size: u64) -> bool {
        self.sizes.contains(&size)
    }

    /// The store's own, if a name in the archive tells that it is the same: archives that name content by its digest are
    /// believed as far as that only content that was verified before is used in its place.
    pub(super) fn by_name(&self, name: &[u8]) -> Result<Option<Stored>> {
        let Ok(name) = std::str::from_utf8(name) else { return Ok(None) };
        if let Some(blob) = name.strip_prefix("blobs/sha256/").and_then(Digest::from_hex) {
            return self.by_digest(blob);
        }
        // What podman and skopeo call a layer.
        let layer = name.strip_suffix(".tar").and_then(Digest::from_hex);
        match layer.and_then(|layer| self.blobs.get(&layer)) {
            Some(blob) => self.by_digest(*blob),
            None => Ok(None),
        }
    }

    /// The store's own blob of this digest, which stays in the store as long as the answer lives.
    pub(super) fn by_digest(&self, blob: Digest) -> Result<Option<Stored>> {
        let Some(layer) = self.layers.get(&blob).copied() else { return Ok(None) };
        let Some(hold) = self.runtime.block_on(self.holder.hold(layer, blob))? else { return Ok(None) };
        let path = self.paths.blob(&blob);
        let mut start = Vec::new();
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let size = file.metadata().map_err(Error::io("read", &path))?.len();
        file.take(MAGIC_BYTES as u64).read_to_end(&mut start).map_err(Error::io("read", &path))?;
        let compression = Compression::of(&start)?;
        let spooled = Spooled { digest: blob, size };
        Ok(Some(Stored { path, spooled, compression, fate: Some(Fate::Kept { hold, layer }) }))
    }
}
