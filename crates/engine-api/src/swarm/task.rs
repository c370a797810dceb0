//! Tasks: what one is to run, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EndpointPortConfig, ObjectVersion};
use crate::container::Healthcheck;
use crate::mount::{Mount, is_false, is_zero};
use crate::unread::{Absent, MinusOne, NoKey, Unread};
use crate::{Filters, Timestamp};

/// What a task is to run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskSpec {
    /// Plugins: not honoured yet.
    #[serde(skip_serializing)]
    pub plugin_spec: Unread<(), Absent>,
    /// The container.
    pub container_spec: ContainerSpec,
    /// Containers attached by hand: not honoured yet.
    #[serde(skip_serializing)]
    pub network_attachment_spec: Unread<(), Absent>,
    /// What it may use, and what is kept for it.
    pub resources: ResourceRequirements,
    /// When it is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<TaskRestartPolicy>,
    /// Where it may run.
    pub placement: Placement,
    /// Grows to replace tasks that are as they should be.
    pub force_update: u64,
    /// `container` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runtime: String,
    /// Its networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkAttachmentConfig>,
    /// Where its output goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_driver: Option<LogDriver>,
}

/// The container of a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerSpec {
    /// Reference of the image.
    pub image: String,
    /// Labels of the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Instead of the image's entry point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Instead of the image's command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Host name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Working directory.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dir: String,
    /// `user[:group]`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub groups: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub privileges: Unread,
    /// A terminal.
    #[serde(rename = "TTY", skip_serializing_if = "is_false")]
    pub tty: bool,
    /// Keep standard input open.
    #[serde(skip_serializing_if = "is_false")]
    pub open_stdin: bool,
    /// The root is not writable.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// The signal that stop sends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Nanoseconds until SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_grace_period: Option<i64>,
    /// How health is checked; absent: as the image says.
    #[serde(rename = "Healthcheck", skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Healthcheck>,
    /// `address name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Not honoured yet.
    #[serde(rename = "DNSConfig", skip_serializing)]
    pub dns_config: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub secrets: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub oom_score_adj: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub configs: Unread,
    /// `default` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    /// A process that reaps and forwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub sysctls: Unread<(), NoKey>,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub capability_add: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub capability_drop: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub ulimits: Unread,
}

/// What a task may use, and what is kept for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceRequirements {
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limit>,
    /// Kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservations: Option<ResourceObject>,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub swap_bytes: Unread,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub memory_swappiness: Unread<(), MinusOne>,
}

/// What a task may use at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Limit {
    /// A thousand million is one CPU.
    #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    /// Bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_bytes: i64,
    /// Processes.
    #[serde(skip_serializing_if = "is_zero")]
    pub pids: i64,
}

/// What is kept for a task, or what a node has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceObject {
    /// A thousand million is one CPU.
    #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    /// Bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_bytes: i64,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub generic_resources: Unread,
}

/// When a task is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskRestartPolicy {
    /// `none`, `on-failure`, `any` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Nanoseconds before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<i64>,
    /// Zero: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u64>,
    /// Nanoseconds over which attempts count; zero: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<i64>,
}

/// Where a task may run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Placement {
    /// `node.role==worker`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub preferences: Unread,
    /// On one node; zero: no limit.
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub max_replicas: u64,
    /// What the image runs on: not honoured yet.
    #[serde(skip_serializing)]
    pub platforms: Unread,
}

/// A network a task is to be on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachmentConfig {
    /// Its name or id.
    pub target: String,
    /// More names on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub driver_opts: Unread<(), NoKey>,
}

/// Where a task's output goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogDriver {
    /// `json-file`, `none`.
    pub name: String,
    /// Its options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// One task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Task {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// For updates.
    pub version: ObjectVersion,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Its name; empty: service, slot and id make one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What it runs.
    pub spec: TaskSpec,
    /// Whose it is.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// Which replica.
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub slot: u64,
    /// Where it runs.
    #[serde(rename = "NodeID", skip_serializing_if = "String::is_empty")]
    pub node_id: String,
    /// What was seen of it.
    pub status: TaskStatus,
    /// Where it should be.
    pub desired_state: String,
}

/// What was seen of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskStatus {
    /// When.
    pub timestamp: Timestamp,
    /// `new`, `pending`, `assigned`, `running`…
    pub state: String,
    /// What happens, or why it waits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub err: String,
    /// Its container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_status: Option<ContainerStatus>,
    /// Its ports on the node.
    pub port_status: PortStatus,
}

/// What was seen of a task's container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// Its id.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Its first process.
    #[serde(rename = "PID")]
    pub pid: i64,
    /// How it ended.
    #[serde(rename = "ExitCode")]
    pub exit_code: i64,
}

/// A task's ports on its node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortStatus {
    /// With the numbers that were bound.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPortConfig>,
}

/// Parameters of `GET /tasks`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskListQuery {
    /// `desired-state`, `id`, `label`, `name`, `node`, `service`.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}
