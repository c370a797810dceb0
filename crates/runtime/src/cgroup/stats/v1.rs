//! The counters of version 1. Pure but for what it is given to read with.

use super::parse::{block_io_v1, entry, limit, number, row, table};
use super::{Amount, BlockIo, BlockIoEntry, Cpu, Memory, Pids, Read, Stats};

pub(super) fn stats(read: &Read<'_>) -> Stats {
    let throttling = read("cpu", "cpu.stat");
    let cpu = Cpu {
        total_ns: number(&read("cpuacct", "cpuacct.usage")),
        user_ns: number(&read("cpuacct", "cpuacct.usage_user")),
        system_ns: number(&read("cpuacct", "cpuacct.usage_sys")),
        per_cpu_ns: row(&read("cpuacct", "cpuacct.usage_percpu")),
        periods: entry(&throttling, "nr_periods"),
        throttled_periods: entry(&throttling, "nr_throttled"),
        throttled_ns: entry(&throttling, "throttled_time"),
    };
    let pids =
        Pids { current: number(&read("pids", "pids.current")), limit: limit(&read("pids", "pids.max")) };
    let block_io = BlockIo {
        bytes: block_io(read, "io_service_bytes_recursive"),
        operations: block_io(read, "io_serviced_recursive"),
    };
    Stats { cpu, memory: memory(read), pids, block_io, ..Stats::default() }
}

fn memory(read: &Read<'_>) -> Memory {
    let used = amount(read, "memory", "memory");
    let both = read("memory", "memory.memsw.usage_in_bytes");
    // Counted together with memory; what is told is swap alone.
    let swap = (!both.is_empty()).then(|| {
        let together = amount(read, "memory", "memory.memsw");
        Amount {
            bytes: together.bytes.saturating_sub(used.bytes),
            max_bytes: together.max_bytes.saturating_sub(used.max_bytes),
            limit_bytes: together
                .limit_bytes
                .map(|limit| limit.saturating_sub(used.limit_bytes.unwrap_or(0))),
            failures: together.failures,
        }
    });
    Memory {
        swap,
        kernel: amount(read, "memory", "memory.kmem"),
        kernel_tcp: amount(read, "memory", "memory.kmem.tcp"),
        stat: table(&read("memory", "memory.stat")).map(|(name, value)| (name.to_owned(), value)).collect(),
        oom_kills: entry(&read("memory", "memory.oom_control"), "oom_kill"),
        used,
    }
}

pub(super) fn huge_pages(read: &Read<'_>, size: &str) -> Amount {
    amount(read, "hugetlb", &format!("hugetlb.{size}"))
}

fn amount(read: &Read<'_>, controller: &str, prefix: &str) -> Amount {
    let read = |name: &str| read(controller, &format!("{prefix}.{name}"));
    Amount {
        bytes: number(&read("usage_in_bytes")),
        max_bytes: number(&read("max_usage_in_bytes")),
        limit_bytes: limit(&read("limit_in_bytes")),
        failures: number(&read("failcnt")),
    }
}

/// Whichever part of the kernel has counted: a scheduler, or the layer that throttles. Others write zeros.
fn block_io(read: &Read<'_>, name: &str) -> Vec<BlockIoEntry> {
    ["blkio.bfq", "blkio", "blkio.throttle"]
        .into_iter()
        .map(|prefix| block_io_v1(&read("blkio", &format!("{prefix}.{name}"))))
        .find(|entries| entries.iter().any(|entry| entry.value > 0))
        .unwrap_or_default()
}
