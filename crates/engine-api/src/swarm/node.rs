//! Nodes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ObjectVersion, ResourceObject, TlsInfo};
use crate::{Filters, Timestamp};

/// The user's wishes for a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeSpec {
    /// A name beside the host name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `worker` or `manager`.
    pub role: String,
    /// `active`, `pause` or `drain`.
    pub availability: String,
}

/// One node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Node {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// For updates.
    pub version: ObjectVersion,
    /// When it joined.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The user's wishes.
    pub spec: NodeSpec,
    /// What it says of itself.
    pub description: NodeDescription,
    /// What was seen of it.
    pub status: NodeStatus,
    /// Only of managers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_status: Option<ManagerStatus>,
}

/// What a node says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeDescription {
    /// Host name.
    pub hostname: String,
    /// Machine and system.
    pub platform: Platform,
    /// What it has.
    pub resources: ResourceObject,
    /// Its engine.
    pub engine: EngineDescription,
    /// Its authority.
    #[serde(rename = "TLSInfo")]
    pub tls_info: TlsInfo,
}

/// Machine and system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `x86_64`…
    #[serde(rename = "Architecture")]
    pub architecture: String,
    /// `linux`.
    #[serde(rename = "OS")]
    pub os: String,
}

/// An engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EngineDescription {
    /// Version of the daemon.
    pub engine_version: String,
    /// Labels of the daemon.
    pub labels: BTreeMap<String, String>,
    /// What is built in.
    pub plugins: Vec<EnginePlugin>,
}

/// One thing that is built in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EnginePlugin {
    /// `Log`, `Network`, `Volume`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What was seen of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeStatus {
    /// `unknown`, `down`, `ready`, `disconnected`.
    pub state: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its address.
    pub addr: String,
}

/// What was seen of a manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ManagerStatus {
    /// It leads.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub leader: bool,
    /// `unknown`, `unreachable`, `reachable`.
    pub reachability: String,
    /// Its address and port.
    pub addr: String,
}

/// Parameters of `GET /nodes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeListQuery {
    /// `id`, `label`, `membership`, `name`, `node.label`, `role`.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
}

/// Parameters of `POST /nodes/{id}/update`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeUpdateQuery {
    /// The version the update was made from.
    pub version: u64,
}

/// Parameters of `DELETE /nodes/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeRemoveQuery {
    /// Even if it is not down.
    pub force: bool,
}
