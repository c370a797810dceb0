//! Removing every container that does not run.

use serde::{Deserialize, Serialize};

use crate::Filters;

/// Parameters of `POST /containers/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PruneQuery {
    /// `until`, `label`, `label!`.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
}

/// What is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerPruneResponse {
    /// Ids; absent if there was nothing to remove.
    pub containers_deleted: Option<Vec<String>>,
    /// Bytes.
    pub space_reclaimed: u64,
}
