//! Where a task may run.

use serde::{Deserialize, Serialize};

use super::Platform;

/// Where a task may run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Placement {
    /// `node.role==worker`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// Over what it is spread, the first one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<PlacementPreference>,
    /// On one node; zero: no limit.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub max_replicas: u64,
    /// What the image runs on; none: anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
}

/// Over what a service is spread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PlacementPreference {
    /// The one there is.
    pub spread: Option<SpreadOver>,
}

/// The values of an attribute of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SpreadOver {
    /// `node.labels.rack`
    pub spread_descriptor: String,
}
