//! Making a container, and waiting for its end.

use serde::{Deserialize, Serialize};

use super::ContainerConfig;

/// The body of `POST /containers/create`: a configuration with its `host_config` and `networking_config`.
pub type ContainerCreateRequest = ContainerConfig;

/// The answer to a create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerCreateResponse {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// The answer to a wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerWaitResponse {
    /// Exit code of the container.
    pub status_code: i64,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ContainerWaitExitError>,
}

/// Why a wait has no exit code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerWaitExitError {
    /// A sentence.
    pub message: String,
}
