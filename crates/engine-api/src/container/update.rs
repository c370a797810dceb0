//! Changing a container that exists.

use serde::{Deserialize, Serialize};

use super::{RestartPolicy, ThrottleDevice, WeightDevice};
use crate::Unread;
use crate::unread::{Absent, MinusOne};

/// The body of `POST /containers/{id}/update`: what is zero, empty or absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerUpdateRequest {
    /// Relative weight.
    pub cpu_shares: i64,
    /// Bytes.
    pub memory: i64,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub cgroup_parent: Unread<String>,
    /// Relative weight of block IO.
    pub blkio_weight: u16,
    /// Relative weights of single devices; those of others stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_weight_device: Vec<WeightDevice>,
    /// Bytes per second of single devices; zero: no limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_device_read_bps: Vec<ThrottleDevice>,
    /// Bytes per second of single devices; zero: no limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_device_write_bps: Vec<ThrottleDevice>,
    /// Operations per second of single devices; zero: no limit.
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Vec<ThrottleDevice>,
    /// Operations per second of single devices; zero: no limit.
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Vec<ThrottleDevice>,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds per period.
    pub cpu_quota: i64,
    /// Microseconds.
    pub cpu_realtime_period: i64,
    /// Microseconds per period.
    pub cpu_realtime_runtime: i64,
    /// `0-3,5`.
    pub cpuset_cpus: String,
    /// Memory nodes.
    pub cpuset_mems: String,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub devices: Unread,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub device_cgroup_rules: Unread,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub device_requests: Unread,
    /// Soft limit, bytes.
    pub memory_reservation: i64,
    /// Memory and swap, bytes; minus one: unlimited swap.
    pub memory_swap: i64,
    /// Per cent; minus one: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
    /// Left the API with 1.42.
    #[serde(skip_serializing)]
    pub kernel_memory: Unread<(), MinusOne>,
    /// Left the API with 1.42.
    #[serde(skip_serializing, rename = "KernelMemoryTCP")]
    pub kernel_memory_tcp: Unread<(), MinusOne>,
    /// A thousand million is one CPU.
    pub nano_cpus: i64,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub oom_kill_disable: Unread,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub init: Unread<(), Absent>,
    /// Zero or minus one: no limit; absent: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// Cannot be changed.
    #[serde(skip_serializing)]
    pub ulimits: Unread,
    /// For Windows.
    #[serde(skip_serializing)]
    pub cpu_count: Unread,
    /// For Windows.
    #[serde(skip_serializing)]
    pub cpu_percent: Unread,
    /// For Windows.
    #[serde(skip_serializing, rename = "IOMaximumIOps")]
    pub io_maximum_iops: Unread,
    /// For Windows.
    #[serde(skip_serializing, rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: Unread,
    /// An empty name: as it is.
    pub restart_policy: RestartPolicy,
}

/// The answer to an update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerUpdateResponse {
    /// What a person should know.
    pub warnings: Vec<String>,
}
