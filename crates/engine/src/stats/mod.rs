//! What a container uses: samples of its cgroup, its network interfaces and the machine, for `stats`.
//!
//! [`sample`] reads files and blocks for less than a millisecond; [`Samplers`] does so once a second for each container
//! that somebody watches, however many watch it, and not at all for the others.

mod interface;
mod machine;
mod sampler;

pub use interface::Interface;
pub(crate) use machine::memory_bytes;
pub use runtime::cgroup::{BlockIoEntry, Stats as Usage};
pub(crate) use sampler::Samplers;
pub use sampler::Watch;

use crate::cgroup::cgroup_path;
use crate::record::Record;
use crate::shared::{Shared, now_ns};
use crate::spec::NetworkMode;
use std::collections::BTreeMap;

/// One look at a container that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// When, in nanoseconds since the epoch.
    pub at_ns: i64,
    /// What its processes have used.
    pub usage: Usage,
    /// What went through its network interfaces; `None` if it shares the host's.
    pub interfaces: Option<BTreeMap<String, Interface>>,
    /// Nanoseconds that all processors of the machine have spent, also idly, since it started.
    pub machine_cpu_ns: u64,
    /// How many processors the machine has.
    pub processors: u32,
    /// Bytes of memory the machine has.
    pub machine_memory_bytes: u64,
}

/// Looks at a container; `None` if it does not run. Blocks for less than a millisecond.
pub(crate) fn sample(shared: &Shared, record: &Record) -> Option<Sample> {
    if record.state.pid == 0 {
        return None;
    }
    let cgroup = shared.cgroups.cgroup(&cgroup_path(&shared.config, record)).ok()?;
    // It may end at any moment; then there is nothing to tell.
    let usage = cgroup.stats().ok()?;
    let interfaces = match record.spec.host.network_mode {
        NetworkMode::Host => None,
        _ => Some(interface::read(record.state.pid)),
    };
    let (machine_cpu_ns, processors) = machine::cpu();
    let machine_memory_bytes = memory_bytes();
    Some(Sample { at_ns: now_ns(), usage, interfaces, machine_cpu_ns, processors, machine_memory_bytes })
}
