//! What takes how much of the disk: `GET /system/df` and the prune that nothing stands behind yet.

use serde::{Deserialize, Serialize};

use crate::Filters;
use crate::container::ContainerSummary;
use crate::image::ImageSummary;
use crate::volume::Volume;

/// Parameters of `GET /system/df`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskUsageQuery {
    /// `container`, `image`, `volume`, `build-cache`; none: all.
    #[serde(rename = "type", skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Each object too; since 1.52, before which each was always told.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub verbose: bool,
}

/// The answer to `GET /system/df`: the first five until 1.52, the others since.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DiskUsage {
    /// Bytes of all images together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers_size: Option<i64>,
    /// Each image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<ImageSummary>>,
    /// Each container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<ContainerSummary>>,
    /// Each volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Vec<Volume>>,
    /// Each record of the build cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_cache: Option<Vec<CacheRecord>>,
    /// Images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_usage: Option<KindUsage<ImageSummary>>,
    /// Containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_usage: Option<KindUsage<ContainerSummary>>,
    /// Volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_usage: Option<KindUsage<Volume>>,
    /// The build cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_cache_usage: Option<KindUsage<CacheRecord>>,
}

/// What all objects of one kind take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct KindUsage<T: Default> {
    /// Objects in use.
    pub active_count: i64,
    /// Objects.
    pub total_count: i64,
    /// Bytes that removing what is not in use would give back.
    pub reclaimable: i64,
    /// Bytes.
    pub total_size: i64,
    /// Each of them; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<T>>,
}

/// One record of the build cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CacheRecord {
    /// Its name.
    #[serde(rename = "ID")]
    pub id: String,
    /// `regular`…
    #[serde(rename = "Type")]
    pub kind: String,
    /// A build uses it now.
    pub in_use: bool,
    /// Several builds do.
    pub shared: bool,
    /// Bytes.
    pub size: i64,
}

/// Parameters of `POST /build/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BuildPruneQuery {
    /// Also what later builds would need.
    pub all: bool,
    /// Which.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
    /// Keep as much; the old name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_storage: Option<i64>,
    /// Keep as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_space: Option<i64>,
    /// Keep at most as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_used_space: Option<i64>,
    /// Leave as much of the disk free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_free_space: Option<i64>,
}

/// The answer to `POST /build/prune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BuildPruneResponse {
    /// Records that are gone.
    pub caches_deleted: Vec<String>,
    /// Bytes.
    pub space_reclaimed: i64,
}
