//! The counters of version 2. Pure but for what it is given to read with.

use super::parse::{block_io_v2, entry, limit, number, table};
use super::{Amount, BlockIo, Cpu, Memory, Pids, Read, Stats};

const NS_PER_US: u64 = 1000;

pub(super) fn stats(read: &Read<'_>) -> Stats {
    let cpu = read("cpu", "cpu.stat");
    let time = |name: &str| entry(&cpu, name).saturating_mul(NS_PER_US);
    let io = read("io", "io.stat");
    Stats {
        cpu: Cpu {
            total_ns: time("usage_usec"),
            user_ns: time("user_usec"),
            system_ns: time("system_usec"),
            per_cpu_ns: Vec::new(),
            periods: entry(&cpu, "nr_periods"),
            throttled_periods: entry(&cpu, "nr_throttled"),
            throttled_ns: time("throttled_usec"),
        },
        memory: memory(read),
        pids: Pids {
            current: number(&read("pids", "pids.current")),
            limit: limit(&read("pids", "pids.max")),
        },
        block_io: BlockIo {
            bytes: block_io_v2(&io, &[("rbytes", "read"), ("wbytes", "write"), ("dbytes", "discard")]),
            operations: block_io_v2(&io, &[("rios", "read"), ("wios", "write"), ("dios", "discard")]),
        },
        ..Stats::default()
    }
}

fn memory(read: &Read<'_>) -> Memory {
    let events = read("memory", "memory.events");
    let swap = read("memory", "memory.swap.current");
    let stat = read("memory", "memory.stat");
    Memory {
        used: Amount {
            bytes: number(&read("memory", "memory.current")),
            max_bytes: number(&read("memory", "memory.peak")),
            limit_bytes: limit(&read("memory", "memory.max")),
            failures: entry(&events, "oom"),
        },
        swap: (!swap.is_empty()).then(|| Amount {
            bytes: number(&swap),
            max_bytes: number(&read("memory", "memory.swap.peak")),
            limit_bytes: limit(&read("memory", "memory.swap.max")),
            failures: entry(&read("memory", "memory.swap.events"), "fail"),
        }),
        kernel: Amount { bytes: entry(&stat, "kernel"), ..Amount::default() },
        kernel_tcp: Amount::default(),
        oom_kills: entry(&events, "oom_kill"),
        stat: table(&stat).map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

pub(super) fn huge_pages(read: &Read<'_>, size: &str) -> Amount {
    let read = |name: &str| read("hugetlb", &format!("hugetlb.{size}.{name}"));
    Amount {
        bytes: number(&read("current")),
        max_bytes: 0,
        limit_bytes: limit(&read("max")),
        failures: entry(&read("events"), "max"),
    }
}
