//! Tasks: what one is to run, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ContainerSpec, EndpointPortConfig, GenericResource, ObjectVersion, Placement, ResourceRequirements,
    is_zero,
};
use crate::unread::{Absent, NoKey, Unread};
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
    #[serde(skip_serializing_if = "is_zero")]
    pub slot: u64,
    /// Where it runs.
    #[serde(rename = "NodeID", skip_serializing_if = "String::is_empty")]
    pub node_id: String,
    /// What of the node's generic resources is its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assigned_generic_resources: Vec<GenericResource>,
    /// What was seen of it.
    pub status: TaskStatus,
    /// Where it should be.
    pub desired_state: String,
    /// The run of a job that it is for; only of jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_iteration: Option<ObjectVersion>,
    /// What is ours beyond the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shoal: Option<TaskNews>,
}

/// What a task tells beyond Docker's API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskNews {
    /// Why it is on its node: a sentence for a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub placement: String,
    /// The CDI devices that are its own.
    #[serde(rename = "AssignedCDIDevices", skip_serializing_if = "Vec::is_empty")]
    pub assigned_cdi_devices: Vec<String>,
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
