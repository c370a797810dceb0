//! The limits that a container is made with and that `update` changes while it runs.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::flag::{cpus, size};

/// Limits and shares; what is not given is not sent.
#[derive(Debug, Args)]
pub(super) struct Limits {
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)
    #[arg(long, value_name = "uint16")]
    blkio_weight: Option<u16>,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "int")]
    cpu_period: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "int")]
    cpu_quota: Option<i64>,
    /// Limit CPU real-time period in microseconds
    #[arg(long, value_name = "int")]
    cpu_rt_period: Option<i64>,
    /// Limit CPU real-time runtime in microseconds
    #[arg(long, value_name = "int")]
    cpu_rt_runtime: Option<i64>,
    /// CPU shares (relative weight)
    #[arg(short = 'c', long, value_name = "int")]
    cpu_shares: Option<i64>,
    /// Number of CPUs
    #[arg(long, value_name = "decimal", value_parser = cpus::parse)]
    cpus: Option<i64>,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string")]
    cpuset_cpus: Option<String>,
    /// MEMs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string")]
    cpuset_mems: Option<String>,
    /// Kernel memory limit (deprecated; the daemon says what it thinks of it)
    #[arg(long, value_name = "bytes", hide = true, value_parser = size::parse)]
    kernel_memory: Option<i64>,
    /// Memory limit
    #[arg(short, long, value_name = "bytes", value_parser = size::parse)]
    memory: Option<i64>,
    /// Memory soft limit
    #[arg(long, value_name = "bytes", value_parser = size::parse)]
    memory_reservation: Option<i64>,
    /// Swap limit equal to memory plus swap: -1 to enable unlimited swap
    #[arg(long, value_name = "bytes", value_parser = size::parse_or_unlimited)]
    memory_swap: Option<i64>,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "int")]
    pids_limit: Option<i64>,
}

impl Limits {
    /// The fields of the API that are set.
    pub(super) fn json(&self) -> Map<String, Value> {
        let text = |value: &Option<String>| value.as_ref().map(|value| json!(value));
        let number = |value: Option<i64>| value.map(|value| json!(value));
        let fields = [
            ("BlkioWeight", self.blkio_weight.map(|weight| json!(weight))),
            ("CpuPeriod", number(self.cpu_period)),
            ("CpuQuota", number(self.cpu_quota)),
            ("CpuRealtimePeriod", number(self.cpu_rt_period)),
            ("CpuRealtimeRuntime", number(self.cpu_rt_runtime)),
            ("CpuShares", number(self.cpu_shares)),
            ("NanoCpus", number(self.cpus)),
            ("CpusetCpus", text(&self.cpuset_cpus)),
            ("CpusetMems", text(&self.cpuset_mems)),
            ("KernelMemory", number(self.kernel_memory)),
            ("Memory", number(self.memory)),
            ("MemoryReservation", number(self.memory_reservation)),
            ("MemorySwap", number(self.memory_swap)),
            ("PidsLimit", number(self.pids_limit)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
