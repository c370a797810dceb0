//! Volumes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mount::is_false;
use crate::unread::{Absent, Ignored};
use crate::{Filters, Timestamp, Unread};

/// A volume, as it is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Volume {
    /// When it was made.
    pub created_at: Timestamp,
    /// `local`.
    pub driver: String,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Its directory on the host.
    pub mountpoint: String,
    /// Its name.
    pub name: String,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
    /// `local`.
    pub scope: String,
    /// Who uses it, and how large it is; only where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_data: Option<UsageData>,
}

/// Who uses a volume, and how large it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UsageData {
    /// Containers that have it; minus one: not known.
    pub ref_count: i64,
    /// Bytes; minus one: not known.
    pub size: i64,
}

/// A volume that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeCreateRequest {
    /// Empty: one is made up.
    pub name: String,
    /// `local` or empty.
    pub driver: String,
    /// Its options: `type`, `o`, `device`.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Only for volumes of a cluster, which there are none of.
    #[serde(skip_serializing)]
    pub cluster_volume_spec: Unread<(), Absent>,
}

/// The answer to a list of volumes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeListResponse {
    /// By name.
    pub volumes: Vec<Volume>,
    /// What went wrong while listing.
    pub warnings: Vec<String>,
}

/// The answer to a prune of volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumePruneResponse {
    /// The names of those that are gone.
    pub volumes_deleted: Vec<String>,
    /// Bytes that were in them.
    pub space_reclaimed: u64,
}

/// Of `GET /volumes` and `POST /volumes/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeFilterQuery {
    /// Which.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
}

/// Of `PUT /volumes/{name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeUpdateQuery {
    /// The version of the object that is changed.
    pub version: String,
}

/// The body of `PUT /volumes/{name}`: only for volumes of a cluster, which there are none of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeUpdateRequest {
    /// What it becomes.
    #[serde(skip_serializing)]
    pub spec: Ignored,
}

/// Of `PUT /shoal/volumes/{name}/archive`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeImportQuery {
    /// There may be something in the volume already.
    #[serde(skip_serializing_if = "is_false")]
    pub merge: bool,
}

/// Of `DELETE /volumes/{name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeRemoveQuery {
    /// It need not be there.
    #[serde(skip_serializing_if = "is_false")]
    pub force: bool,
}
