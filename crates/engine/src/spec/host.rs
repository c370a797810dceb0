//! `HostConfig`: what the container gets from the machine.

use super::device::{Device, DeviceRate, DeviceRequest, DeviceWeight};
use super::mode::{NamespaceMode, NetworkMode};
use super::mount::Mount;
use super::port::{HostPort, Port};
use super::restart::RestartPolicy;
use super::shoal::Shoal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a container gets from the machine. Fields carry Docker's names and units; a zero or empty value means
/// "not asked for" unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostConfig {
    /// Binds and volumes in Docker's short notation `[/host|volume:]/container[:options]`.
    pub binds: Vec<String>,
    /// Mounts in the long form.
    pub mounts: Vec<Mount>,
    /// Containers whose mounts this one has too, `container[:ro|rw]`.
    pub volumes_from: Vec<String>,
    /// The driver of volumes that are made for the container and do not name one; empty means `local`.
    pub volume_driver: String,
    /// Whether it has files that are on no disk, and so can only be started by who brings them.
    pub memory_files: bool,
    /// Memory mounts: path in the container → mount options.
    pub tmpfs: BTreeMap<String, String>,
    /// Which of the container's ports are published, and where.
    pub port_bindings: BTreeMap<Port, Vec<HostPort>>,
    /// Whether every exposed port is published on a free port of the host.
    pub publish_all_ports: bool,
    /// Which network.
    pub network_mode: NetworkMode,
    /// Whether it is started again after its end.
    pub restart_policy: RestartPolicy,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// Limits of memory, processor, processes and devices.
    pub resources: Resources,
    /// Capabilities added to Docker's default set, with or without the prefix `CAP_`; `ALL` means every one.
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    pub cap_drop: Vec<String>,
    /// All capabilities, all devices, no seccomp filter, nothing masked.
    pub privileged: bool,
    /// Whether the root file system is read-only.
    pub readonly_rootfs: bool,
    /// `no-new-privileges[:true|false]`, `seccomp=unconfined|builtin|JSON`, `systempaths=unconfined`.
    pub security_opt: Vec<String>,
    /// Kernel settings of the container's own namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// The size of `/dev/shm` in bytes; 0 means 64 MiB.
    pub shm_size: i64,
    /// Name servers, in place of the host's.
    pub dns: Vec<String>,
    /// Search domains, in place of the host's.
    pub dns_search: Vec<String>,
    /// Resolver options, in place of the host's.
    pub dns_options: Vec<String>,
    /// Lines of `/etc/hosts`: `name:address`; the address `host-gateway` means the bridge's gateway.
    pub extra_hosts: Vec<String>,
    /// Whether a small init reaps processes; `None` means the daemon's default.
    pub init: Option<bool>,
    /// How ready the kernel is to end it when memory runs out, -1000 to 1000.
    pub oom_score_adj: i32,
    /// Further groups of the first process.
    pub group_add: Vec<String>,
    /// The ipc namespace.
    pub ipc_mode: NamespaceMode,
    /// The pid namespace.
    pub pid_mode: NamespaceMode,
    /// The host name's namespace.
    pub uts_mode: NamespaceMode,
    /// The cgroup namespace.
    pub cgroupns_mode: NamespaceMode,
    /// The cgroup under which its own is made; empty means the daemon's.
    pub cgroup_parent: String,
    /// Paths made unreadable; `None` means Docker's.
    pub masked_paths: Option<Vec<String>>,
    /// Paths made read-only; `None` means Docker's.
    pub readonly_paths: Option<Vec<String>>,
    /// What becomes of its output.
    pub log_config: LogConfig,
    /// The OCI runtime by its configured name; empty means the daemon's default.
    pub runtime: String,
    /// Rows and columns of the terminal at the start.
    pub console_size: Option<(u16, u16)>,
    /// `container[:alias]`: whose names and variables the container gets, on the default bridge.
    pub links: Vec<String>,
    /// The user namespace: the daemon's, or the host's.
    pub userns_mode: NamespaceMode,
    /// For the runtime and its hooks.
    pub annotations: BTreeMap<String, String>,
    /// Options of the storage driver: there are none, so each is refused.
    pub storage_opt: BTreeMap<String, String>,
    /// What goes beyond Docker's API.
    pub shoal: Shoal,
}

/// Limits. Bytes, shares and micro- or nanoseconds as in Docker's API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Bytes of memory.
    pub memory: i64,
    /// Bytes of memory and swap together; -1 means swap without limit.
    pub memory_swap: i64,
    /// Bytes below which the kernel tries to bring it under pressure.
    pub memory_reservation: i64,
    /// 0 to 100; `None` means the kernel's default.
    pub memory_swappiness: Option<i64>,
    /// Whether the kernel may not end it for lack of memory.
    pub oom_kill_disable: bool,
    /// Billionths of a processor.
    pub nano_cpus: i64,
    /// Relative weight.
    pub cpu_shares: i64,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds in each period.
    pub cpu_quota: i64,
    /// Processors, as `0-2,4`.
    pub cpuset_cpus: String,
    /// Memory nodes, as `0-2,4`.
    pub cpuset_mems: String,
    /// How many processes and threads; 0 or -1 means without limit.
    pub pids_limit: Option<i64>,
    /// Resource limits of the processes.
    pub ulimits: Vec<Ulimit>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Rules of the device cgroup, as `c 1:3 rwm`.
    pub device_cgroup_rules: Vec<String>,
    /// Devices by driver.
    pub device_requests: Vec<DeviceRequest>,
    /// Relative block IO weight, 10 to 1000.
    pub blkio_weight: u16,
    /// The same of single devices.
    pub blkio_weight_devices: Vec<DeviceWeight>,
    /// Bytes read in a second.
    pub blkio_read_bps: Vec<DeviceRate>,
    /// Bytes written in a second.
    pub blkio_write_bps: Vec<DeviceRate>,
    /// Reads in a second.
    pub blkio_read_iops: Vec<DeviceRate>,
    /// Writes in a second.
    pub blkio_write_iops: Vec<DeviceRate>,
    /// Microseconds in which the real-time runtime is counted; cgroup v1.
    pub cpu_realtime_period: i64,
    /// Microseconds for real-time processes in each period; cgroup v1.
    pub cpu_realtime_runtime: i64,
    /// Bytes of the kernel's; no kernel limits them any more.
    pub kernel_memory: i64,
}

/// One resource limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// The name without `RLIMIT_`, in lower case: `nofile`.
    pub name: String,
    /// The soft limit; -1 means none.
    pub soft: i64,
    /// The hard limit; -1 means none.
    pub hard: i64,
}

/// What becomes of the output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `json-file` or `none`; empty means the daemon's default.
    pub driver: String,
    /// `max-size`, `max-file`, `labels`, `env`, `tag`.
    pub options: BTreeMap<String, String>,
}
