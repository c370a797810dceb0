//! The processes of a container.

use serde::{Deserialize, Serialize};

/// Parameters of `GET /containers/{id}/top`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopQuery {
    /// Arguments of `ps`; empty: `-ef`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ps_args: String,
}

/// A table of processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerTopResponse {
    /// What the columns are.
    pub titles: Vec<String>,
    /// One row for each process.
    pub processes: Vec<Vec<String>>,
}
