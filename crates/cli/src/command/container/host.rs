//! The flags of `run` and `create` that limit what the container may use.

use clap::Args;

use crate::flag::{cpus, size, ulimit};

/// Limits and shares.
#[derive(Debug, Args)]
pub(super) struct Resources {
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable
    #[arg(long, value_name = "uint16", default_value_t = 0, hide_default_value = true)]
    pub(super) blkio_weight: u16,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) cpu_period: i64,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) cpu_quota: i64,
    /// Limit CPU real-time period in microseconds
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) cpu_rt_period: i64,
    /// Limit CPU real-time runtime in microseconds
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) cpu_rt_runtime: i64,
    /// CPU shares (relative weight)
    #[arg(short = 'c', long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) cpu_shares: i64,
    /// Number of CPUs
    #[arg(long, value_name = "decimal", default_value = "0", hide_default_value = true, value_parser = cpus::parse)]
    pub(super) cpus: i64,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) cpuset_cpus: String,
    /// MEMs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) cpuset_mems: String,
    /// Kernel memory limit
    #[arg(long, value_name = "bytes", default_value = "0", hide_default_value = true, value_parser = size::parse)]
    pub(super) kernel_memory: i64,
    /// Memory limit
    #[arg(short, long, value_name = "bytes", default_value = "0", hide_default_value = true, value_parser = size::parse)]
    pub(super) memory: i64,
    /// Memory soft limit
    #[arg(long, value_name = "bytes", default_value = "0", hide_default_value = true, value_parser = size::parse)]
    pub(super) memory_reservation: i64,
    /// Swap limit equal to memory plus swap: '-1' to enable unlimited swap
    #[arg(long, value_name = "bytes", default_value = "0", hide_default_value = true, value_parser = size::parse_or_unlimited)]
    pub(super) memory_swap: i64,
    /// Tune container memory swappiness (0 to 100)
    #[arg(long, value_name = "int", default_value_t = -1)]
    pub(super) memory_swappiness: i64,
    /// Disable OOM Killer
    #[arg(long)]
    pub(super) oom_kill_disable: bool,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) oom_score_adj: i64,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "int")]
    pub(super) pids_limit: Option<i64>,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = ulimit::parse)]
    pub(super) ulimit: Vec<ulimit::Ulimit>,
}
