//! Volumes. Nothing makes one yet, so that a list is truthfully empty.

use serde::{Deserialize, Serialize};

/// The answer to a list of volumes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeListResponse {
    /// Always empty so far.
    pub volumes: Vec<serde_json::Value>,
    /// What went wrong while listing.
    pub warnings: Vec<String>,
}
