//! The container of a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigReference, Privileges, SecretReference, TaskShoal};
use crate::container::{Healthcheck, Ulimit};
use crate::mount::{Mount, is_false, is_zero};

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
    /// Further groups of the process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// How little it may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileges: Option<Privileges>,
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
    /// `address name [alias…]`, as the file has it; the address may be `host-gateway`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Name servers in place of the node's.
    #[serde(rename = "DNSConfig", skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfig>,
    /// Secrets it has as files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretReference>,
    /// Preference of the kernel's killer, -1000 to 1000.
    #[serde(skip_serializing_if = "is_zero")]
    pub oom_score_adj: i64,
    /// Configs it has as files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub configs: Vec<ConfigReference>,
    /// `default` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    /// A process that reaps and forwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Kernel parameters of its namespaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// Capabilities beyond the default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capability_add: Vec<String>,
    /// Capabilities to take away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capability_drop: Vec<String>,
    /// Limits of the processes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<Ulimit>,
    /// What is ours beyond the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shoal: Option<TaskShoal>,
}

/// Name servers in place of the node's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DnsConfig {
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Search domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options of the resolver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}
