//! Checkpoints of containers.

use serde::{Deserialize, Serialize};

/// Body of `POST /containers/{id}/checkpoints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CheckpointCreateRequest {
    /// Its name.
    #[serde(rename = "CheckpointID")]
    pub checkpoint_id: String,
    /// A directory of the daemon's machine; empty: the container's own.
    pub checkpoint_dir: String,
    /// The container is stopped.
    pub exit: bool,
}

/// Of `GET /containers/{id}/checkpoints` and `DELETE /containers/{id}/checkpoints/{checkpoint}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckpointQuery {
    /// A directory of the daemon's machine; empty: the container's own.
    pub dir: String,
}

/// One of the answer to `GET /containers/{id}/checkpoints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Checkpoint {
    /// Its name.
    pub name: String,
}
