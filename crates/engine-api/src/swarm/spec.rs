//! The user's wishes for a service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TaskSpec;
use crate::unread::{Absent, NoKey, Unread};

/// The user's wishes for a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceSpec {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What each task runs.
    pub task_template: TaskSpec,
    /// How many tasks.
    pub mode: ServiceMode,
    /// How tasks are replaced by new ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_config: Option<UpdateConfig>,
    /// How tasks are replaced by old ones: not honoured yet.
    #[serde(skip_serializing)]
    pub rollback_config: Unread,
    /// Where networks were before 1.44: not honoured yet.
    #[serde(skip_serializing)]
    pub networks: Unread,
    /// Published ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_spec: Option<EndpointSpec>,
    /// What is ours beyond the API; nothing yet.
    #[serde(skip_serializing)]
    pub shoal: Unread<(), NoKey>,
}

/// How many tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceMode {
    /// A number of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicated: Option<ReplicatedService>,
    /// One on every node: not honoured yet.
    #[serde(skip_serializing)]
    pub global: Unread<(), Absent>,
    /// A number of them, to their end: not honoured yet.
    #[serde(skip_serializing)]
    pub replicated_job: Unread<(), Absent>,
    /// One on every node, to its end: not honoured yet.
    #[serde(skip_serializing)]
    pub global_job: Unread<(), Absent>,
}

/// A number of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ReplicatedService {
    /// Absent: one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
}

/// How tasks are replaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateConfig {
    /// At a time; zero: all.
    pub parallelism: u64,
    /// Nanoseconds between them.
    #[serde(skip_serializing_if = "crate::mount::is_zero")]
    pub delay: i64,
    /// `pause`, `continue`, `rollback` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure_action: String,
    /// Nanoseconds each new task is watched.
    #[serde(skip_serializing_if = "crate::mount::is_zero")]
    pub monitor: i64,
    /// Share of tasks that may fail.
    pub max_failure_ratio: f32,
    /// `stop-first`, `start-first` or empty.
    pub order: String,
}

/// How a service is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointSpec {
    /// `vip`, `dnsrr` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Published ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPortConfig>,
}

/// One published port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointPortConfig {
    /// A name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `tcp`, `udp`, `sctp` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// In the container.
    pub target_port: u32,
    /// On the nodes; zero: any.
    #[serde(skip_serializing_if = "is_zero")]
    pub published_port: u32,
    /// `ingress`, `host` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub publish_mode: String,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}
