//! The user's wishes for a service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{NetworkAttachmentConfig, TaskSpec};

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
    /// How tasks are replaced by those of the wishes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_config: Option<UpdateConfig>,
    /// Where networks were before 1.44; read when the task names none.
    #[serde(skip_serializing)]
    pub networks: Vec<NetworkAttachmentConfig>,
    /// Published ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_spec: Option<EndpointSpec>,
    /// What is ours beyond the API. Docker's client drops it: an update without it leaves it as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shoal: Option<ServiceShoal>,
}

/// What of a service is ours beyond the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceShoal {
    /// Nanoseconds that a task still runs after it has left every load balancer; absent: two seconds where something is
    /// balanced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_time: Option<i64>,
}

/// How many tasks, and whether they run to their end. At most one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceMode {
    /// A number of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicated: Option<ReplicatedService>,
    /// One on every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<EveryNode>,
    /// A number of them, to their end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicated_job: Option<ReplicatedJob>,
    /// One on every node, to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_job: Option<EveryNode>,
}

/// An empty object: its presence says all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EveryNode {}

/// A number of tasks that run to their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ReplicatedJob {
    /// At a time; absent: one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u64>,
    /// Absent: as many as run at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_completions: Option<u64>,
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
