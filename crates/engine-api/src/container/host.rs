//! The part of a container that belongs to the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Shoal;
use super::device::{DeviceMapping, DeviceRequest, ThrottleDevice, WeightDevice};
use crate::Unread;
use crate::mount::Mount;
use crate::unread::Ignored;

/// Ports of the container (`80/tcp`) to places on the host.
pub type PortMap = BTreeMap<String, Option<Vec<PortBinding>>>;

/// A place on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortBinding {
    /// Empty: every address.
    pub host_ip: String,
    /// A number, a range, or empty for any.
    pub host_port: String,
}

/// When the engine starts a container again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// ``, `no`, `always`, `unless-stopped` or `on-failure`.
    pub name: String,
    /// For `on-failure`; zero: no limit.
    pub maximum_retry_count: i64,
}

/// Where a container's output goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogConfig {
    /// `json-file`, `none`, or empty for the daemon's default.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Options of the driver.
    pub config: BTreeMap<String, String>,
}

/// A limit of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ulimit {
    /// `nofile`, `core`…
    pub name: String,
    /// Soft limit; minus one: unlimited.
    pub soft: i64,
    /// Hard limit; minus one: unlimited.
    pub hard: i64,
}

/// The part of a container that belongs to the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    /// `source:target[:options]`.
    pub binds: Vec<String>,
    /// The client writes it; the daemon has no use for it.
    #[serde(rename = "ContainerIDFile", skip_serializing)]
    pub container_id_file: Ignored,
    /// Where output goes.
    pub log_config: LogConfig,
    /// `bridge`, `default`, `host`, `none`, `container:ID`.
    pub network_mode: String,
    /// Published ports.
    pub port_bindings: PortMap,
    /// When to start again.
    pub restart_policy: RestartPolicy,
    /// Remove it when it ends.
    pub auto_remove: bool,
    /// The driver of volumes that are made for the container; `local` or empty.
    pub volume_driver: String,
    /// Containers whose mounts it has too: `container[:ro|rw]`.
    pub volumes_from: Option<Vec<String>>,
    /// Mounts in the long form.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Rows and columns of the terminal at start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<[u16; 2]>,
    /// For the runtime.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Capabilities beyond the default.
    pub cap_add: Vec<String>,
    /// Capabilities to take away.
    pub cap_drop: Vec<String>,
    /// `private`, `host`, or empty for the daemon's default.
    pub cgroupns_mode: String,
    /// Name servers.
    pub dns: Vec<String>,
    /// Resolver options.
    pub dns_options: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// `name:address`.
    pub extra_hosts: Vec<String>,
    /// More groups of the process.
    pub group_add: Vec<String>,
    /// `private`, `none`, `host`, `shareable`, `container:ID`.
    pub ipc_mode: String,
    /// Not honoured yet.
    pub cgroup: Unread<String>,
    /// `container[:alias]`, on the default bridge.
    pub links: Option<Vec<String>>,
    /// Preference of the kernel's killer.
    pub oom_score_adj: i64,
    /// ``, `host`, `container:ID`.
    pub pid_mode: String,
    /// All capabilities and devices.
    pub privileged: bool,
    /// A host port for every exposed port.
    pub publish_all_ports: bool,
    /// The root is not writable.
    pub readonly_rootfs: bool,
    /// `no-new-privileges`, `seccomp=…`, `apparmor=…`.
    pub security_opt: Vec<String>,
    /// Of the storage driver, which has none here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub storage_opt: BTreeMap<String, String>,
    /// Paths to mount options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tmpfs: BTreeMap<String, String>,
    /// `` or `host`.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// `host`, or empty for the daemon's.
    pub userns_mode: String,
    /// Bytes of /dev/shm; zero: 64 MiB.
    pub shm_size: i64,
    /// Kernel parameters of the container's namespaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// Name of the runtime; empty: the daemon's default.
    pub runtime: String,
    /// `default` or empty; there is no other here.
    pub isolation: String,
    /// Absent: the default set.
    pub masked_paths: Option<Vec<String>>,
    /// Absent: the default set.
    pub readonly_paths: Option<Vec<String>>,

    /// Relative weight.
    pub cpu_shares: i64,
    /// Bytes; zero: no limit.
    pub memory: i64,
    /// Parent of the container's cgroup.
    pub cgroup_parent: String,
    /// Relative weight of block IO; zero: none.
    pub blkio_weight: u16,
    /// The same of single devices.
    pub blkio_weight_device: Vec<WeightDevice>,
    /// Bytes in a second.
    pub blkio_device_read_bps: Vec<ThrottleDevice>,
    /// The same.
    pub blkio_device_write_bps: Vec<ThrottleDevice>,
    /// Operations in a second.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Vec<ThrottleDevice>,
    /// The same.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Vec<ThrottleDevice>,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds per period.
    pub cpu_quota: i64,
    /// Microseconds; only cgroup v1 has it.
    pub cpu_realtime_period: i64,
    /// Microseconds per period; only cgroup v1 has it.
    pub cpu_realtime_runtime: i64,
    /// `0-3,5`.
    pub cpuset_cpus: String,
    /// Memory nodes.
    pub cpuset_mems: String,
    /// Devices of the host.
    pub devices: Vec<DeviceMapping>,
    /// `c 13:* rwm`.
    pub device_cgroup_rules: Vec<String>,
    /// Devices by driver.
    pub device_requests: Option<Vec<DeviceRequest>>,
    /// Soft limit, bytes.
    pub memory_reservation: i64,
    /// Memory and swap, bytes; minus one: unlimited swap.
    pub memory_swap: i64,
    /// 0 to 100; minus one or absent: the kernel's.
    pub memory_swappiness: Option<i64>,
    /// Bytes; it left the API with 1.42, and the kernel before: discarded with a warning.
    #[serde(skip_serializing)]
    pub kernel_memory: i64,
    /// Bytes; the same.
    #[serde(skip_serializing, rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: i64,
    /// A thousand million is one CPU.
    pub nano_cpus: i64,
    /// The kernel may not kill it for want of memory.
    pub oom_kill_disable: bool,
    /// A process that reaps and forwards; absent: the daemon's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Zero, minus one or absent: no limit.
    pub pids_limit: Option<i64>,
    /// Limits of the process.
    pub ulimits: Vec<Ulimit>,
    /// Only Windows has it.
    pub cpu_count: i64,
    /// Only Windows has it: discarded with a warning.
    pub cpu_percent: i64,
    /// Only Windows has it: refused.
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: i64,
    /// Only Windows has it: refused.
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: i64,
    /// What is ours beyond the API.
    #[serde(skip_serializing_if = "Shoal::is_default")]
    pub shoal: Shoal,
}
