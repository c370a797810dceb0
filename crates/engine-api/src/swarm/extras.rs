//! What the container of a task has beyond Docker's services: the object `Shoal` in `ContainerSpec`, which Docker's clients
//! neither send nor read.

use serde::{Deserialize, Serialize};

use crate::container::DeviceMapping;
use crate::mount::{is_false, is_zero};

/// What the container of a task has beyond Docker's services. All but the size of `/dev/shm` needs the swarm's permission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskShoal {
    /// All capabilities and devices.
    #[serde(skip_serializing_if = "is_false")]
    pub privileged: bool,
    /// Devices of the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceMapping>,
    /// `vendor/class=name`; the name `any` stands for one that no other task has.
    #[serde(rename = "CDIDevices", skip_serializing_if = "Vec::is_empty")]
    pub cdi_devices: Vec<String>,
    /// `host` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pid_mode: String,
    /// `host`, `private`, `shareable`, `none` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ipc_mode: String,
    /// Parent of the container's cgroup.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cgroup_parent: String,
    /// Bytes of /dev/shm; zero: 64 MiB.
    #[serde(skip_serializing_if = "is_zero")]
    pub shm_size: i64,
    /// `systempaths=unconfined`, `apparmor=…`, `seccomp=…`, `no-new-privileges`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_opt: Vec<String>,
}
