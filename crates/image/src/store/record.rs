//! What the metadata file keeps: one record per image, per name and per layer, written as JSON.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What is known of an image beside its configuration, which lies in the content store under the image's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    /// Digest of the manifest.
    pub(crate) manifest: Digest,
    /// Its media type.
    pub(crate) manifest_type: String,
    /// Its size in bytes.
    pub(crate) manifest_size: u64,
    /// Digests of the layers as they came, compressed or not, lowest first.
    pub(crate) blobs: Vec<Digest>,
    /// Digests of the layers uncompressed, lowest first.
    pub(crate) layers: Vec<Digest>,
    /// The image it was built from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Digest>,
    /// When a tag was last set, nanoseconds since the epoch; 0 for never.
    #[serde(default)]
    pub(crate) tagged_at_ns: i64,
    /// When it came, or when a container used it last as far as that was written, nanoseconds since the epoch.
    #[serde(default)]
    pub(crate) used_at_ns: i64,
}

impl ImageRecord {
    /// Every blob that the image needs, its configuration (whose digest is the image's id) included.
    pub(crate) fn all_blobs<'a>(&'a self, id: &'a Digest) -> impl Iterator<Item = &'a Digest> {
        [id, &self.manifest].into_iter().chain(&self.blobs)
    }
}

/// What is known of a blob beside its bytes. Gone with the blob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobRecord {
    /// Repositories in their long form that are known to have it (if it is packed: that have the packed one), the newest
    /// last.
    #[serde(default)]
    pub(crate) repositories: Vec<String>,
    /// What a plain layer became when it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) packed: Option<Packed>,
}

/// The compressed form of a layer that is kept plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl BlobRecord {
    /// Repositories that are remembered; the oldest are forgotten.
    const MAX_REPOSITORIES: usize = 16;

    /// The same, also known to that repository.
    pub(crate) fn in_repository(mut self, repository: &str) -> BlobRecord {
        self.repositories.retain(|other| other != repository);
        self.repositories.push(repository.to_owned());
        let surplus = self.repositories.len().saturating_sub(Self::MAX_REPOSITORIES);
        self.repositories.drain(..surplus);
        self
    }
}

/// An unpacked layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    /// Name of its short link.
    pub(crate) link: String,
    /// Bytes of its files.
    pub(crate) size_bytes: u64,
    /// The boot it was unpacked in, until it is known to have reached the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unsettled_boot: Option<String>,
}
