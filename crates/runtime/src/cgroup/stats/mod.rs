//! What a group has used so far, as the kernel counts it: all that `GET /containers/{id}/stats` tells of cgroups.
//!
//! Read by our own few lines rather than by a library: cgroups-rs brings a D-Bus client and sixty crates into programs
//! that run once per container, unconditionally, to read a dozen files of numbers. A file that this kernel does not
//! have leaves its numbers at zero, empty or none: statistics are never refused for a missing detail.

mod parse;
mod v1;
mod v2;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::{Cgroup, Version};
use crate::{Error, Result};

/// What a group has used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Processes and threads.
    pub pids: Pids,
    /// Reads and writes of disks.
    pub block_io: BlockIo,
    /// Huge pages by their size (`2MB`).
    pub huge_pages: BTreeMap<String, Amount>,
}

/// Processor time. Docker: `cpu_stats`; its `system_cpu_usage` and `online_cpus` are the machine's, not the group's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Nanoseconds in all (`cpu_usage.total_usage`).
    pub total_ns: u64,
    /// Nanoseconds in programs (`cpu_usage.usage_in_usermode`).
    pub user_ns: u64,
    /// Nanoseconds in the kernel (`cpu_usage.usage_in_kernelmode`).
    pub system_ns: u64,
    /// Nanoseconds per processor (`cpu_usage.percpu_usage`); version 2 does not count them: empty.
    pub per_cpu_ns: Vec<u64>,
    /// Periods in which a quota was in force (`throttling_data.periods`).
    pub periods: u64,
    /// Periods in which it was used up (`throttling_data.throttled_periods`).
    pub throttled_periods: u64,
    /// Nanoseconds of waiting for the next period (`throttling_data.throttled_time`).
    pub throttled_ns: u64,
}

/// Memory. Docker: `memory_stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of programs and page cache; `failures` counts how often the limit was hit: on version 1 at each attempt
    /// (`memory.failcnt`), on version 2 as Docker shows it, the times the killer was called (`memory.events`: `oom`).
    pub used: Amount,
    /// Bytes of swap alone; none if the kernel does not account swap.
    pub swap: Option<Amount>,
    /// Bytes of the kernel itself for this group; only `bytes` on version 2.
    pub kernel: Amount,
    /// Bytes of buffers of TCP; version 1 only.
    pub kernel_tcp: Amount,
    /// `memory.stat` as the kernel names it (`stats`). Clients subtract `total_inactive_file` (version 1) or
    /// `inactive_file` (version 2) from what is used, to show what could not be freed at once.
    pub stat: BTreeMap<String, u64>,
    /// Processes ended by the out-of-memory killer.
    pub oom_kills: u64,
}

/// An amount with its history and its bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Now.
    pub bytes: u64,
    /// The most it ever was (Docker: `max_usage`); 0 if the kernel does not remember.
    pub max_bytes: u64,
    /// No more is given; none: not limited (Docker shows the machine's memory then).
    pub limit_bytes: Option<u64>,
    /// How often the limit was in the way.
    pub failures: u64,
}

/// Processes and threads. Docker: `pids_stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pids {
    /// How many there are (`current`).
    pub current: u64,
    /// How many there may be (`limit`); none: not limited.
    pub limit: Option<u64>,
}

/// Reads and writes of disks. Docker: `blkio_stats`, of which kernels of today only fill these two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockIo {
    /// Bytes (`io_service_bytes_recursive`).
    pub bytes: Vec<BlockIoEntry>,
    /// Requests (`io_serviced_recursive`).
    pub operations: Vec<BlockIoEntry>,
}

/// A number of one block device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockIoEntry {
    /// The device's major number.
    pub major: u64,
    /// The device's minor number.
    pub minor: u64,
    /// In lower case: `read`, `write`, `discard`; on version 1 also `sync`, `async`, `total`.
    pub operation: String,
    /// Bytes or requests since the group was made.
    pub value: u64,
}

impl Cgroup {
    /// Reads all counters. Takes a fraction of a millisecond.
    ///
    /// # Errors
    /// [`Error::Path`] with NotFound if the group is gone.
    pub fn stats(&self) -> Result<Stats> {
        let controller = if self.version == Version::V1 { "memory" } else { "" };
        let dir = self.member(controller).or(self.members.first()).map(|member| member.dir.as_path());
        if let Some(dir) = dir.filter(|dir| !dir.exists()) {
            return Err(Error::path("find cgroup", dir)(io::ErrorKind::NotFound.into()));
        }
        let read = |controller: &str, file: &str| {
            self.member(controller).map(|member| read(&member.dir, file)).unwrap_or_default()
        };
        let mut stats = match self.version {
            Version::V1 => v1::stats(&read),
            Version::V2 => v2::stats(&read),
        };
        for size in self.huge_page_sizes() {
            let amount = match self.version {
                Version::V1 => v1::huge_pages(&read, &size),
                Version::V2 => v2::huge_pages(&read, &size),
            };
            stats.huge_pages.insert(size, amount);
        }
        Ok(stats)
    }

    /// From the names of the files, `hugetlb.2MB.max`.
    fn huge_page_sizes(&self) -> Vec<String> {
        let last = if self.version == Version::V1 { ".limit_in_bytes" } else { ".max" };
        let Some(member) = self.member("hugetlb") else {
            return Vec::new();
        };
        let entries = fs::read_dir(&member.dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let sizes = names.filter_map(|name| {
            let size = name.strip_prefix("hugetlb.")?.strip_suffix(last)?;
            (!size.contains('.')).then(|| size.to_owned())
        });
        sizes.collect()
    }
}

/// The text of a file, empty if there is none.
fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap_or_default()
}

/// Reads a file of a controller.
type Read<'a> = dyn Fn(&str, &str) -> String + 'a;

#[cfg(test)]
mod tests;
