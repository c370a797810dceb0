//! What this machine's kernel can limit: read once, when the engine is opened.
//!
//! [`Machine::judge`] compares a spec with it: what the kernel does not have is discarded with Docker's warning, or
//! refused where Docker refuses it.

mod cpuset;
mod judge;

use cpuset::NumberSet;
use runtime::cgroup::{Layout, Version};
use std::fs;
use std::path::Path;

/// Processors and memory nodes that are online: `0-3,5`.
const CPUS_FILE: &str = "/sys/devices/system/cpu/online";
const NODES_FILE: &str = "/sys/devices/system/node/online";
/// Where there is no such file there is one of it.
const ONE: &str = "0";

/// The limits this machine can hold a container to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    cpus: NumberSet,
    nodes: NumberSet,
    memory: bool,
    swap: bool,
    reservation: bool,
    swappiness: bool,
    oom_kill_disable: bool,
    pids: bool,
    shares: bool,
    quota: bool,
    realtime: bool,
    cpuset: bool,
    block_weight: bool,
    block_rates: bool,
    ipv4_forwarding: bool,
}

impl Machine {
    /// Reads what there is; what cannot be read is not there.
    pub(crate) fn read(cgroups: &Layout) -> Machine {
        let online = |file: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.trim().parse().ok().or_else(|| ONE.parse().ok()).unwrap_or_default()
        };
        let forwarding = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap_or_default();
        let machine = Machine {
            cpus: online(CPUS_FILE),
            nodes: online(NODES_FILE),
            ipv4_forwarding: forwarding.trim() == "1",
            ..Machine::default()
        };
        match cgroups.version() {
            Version::V1 => machine.with_v1(cgroups),
            Version::V2 => machine.with_v2(cgroups),
        }
    }

    fn with_v1(self, cgroups: &Layout) -> Machine {
        let has = |file: &str| cgroups.roots().any(|root| root.join(file).exists());
        Machine {
            memory: has("memory.limit_in_bytes"),
            swap: has("memory.memsw.limit_in_bytes"),
            reservation: has("memory.soft_limit_in_bytes"),
            swappiness: has("memory.swappiness"),
            oom_kill_disable: has("memory.oom_control"),
            // Not a file of the root.
            pids: cgroups.has_controller("pids"),
            shares: has("cpu.shares"),
            quota: has("cpu.cfs_quota_us"),
            realtime: has("cpu.rt_runtime_us"),
            cpuset: has("cpuset.cpus"),
            // The weights of bfq are no files of the root, its counters are.
            block_weight: has("blkio.weight") || has("blkio.bfq.io_serviced"),
            block_rates: has("blkio.throttle.read_bps_device"),
            ..self
        }
    }

    fn with_v2(self, cgroups: &Layout) -> Machine {
        let root = cgroups.roots().next().map(Path::to_owned).unwrap_or_default();
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        let has = |name: &str| controllers.split_whitespace().any(|word| word == name);
        Machine {
            memory: has("memory"),
            swap: has("memory"),
            reservation: has("memory"),
            pids: has("pids"),
            shares: has("cpu"),
            quota: has("cpu"),
            cpuset: has("cpuset"),
            block_weight: has("io"),
            block_rates: has("io"),
            // Version 2 has no swappiness, no switch for the killer and no real-time budget.
            ..self
        }
    }
}
