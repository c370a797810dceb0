//! Files of both versions as kernels write them.

use super::*;

fn reader(files: &'static [(&'static str, &'static str)]) -> impl Fn(&str, &str) -> String {
    move |_, file| files.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| *text).to_owned()
}

fn block_io_entry(operation: &str, value: u64) -> BlockIoEntry {
    BlockIoEntry { major: 8, minor: 16, operation: operation.to_owned(), value }
}

#[test]
fn counters_of_version_1() {
    let stats = v1::stats(&reader(&[
        ("cpu.stat", "nr_periods 4\nnr_throttled 3\nthrottled_time 2000\nnr_bursts 0\n"),
        ("cpuacct.usage", "5000\n"),
        ("cpuacct.usage_user", "4000\n"),
        ("cpuacct.usage_sys", "1000\n"),
        ("cpuacct.usage_percpu", "3000 2000 \n"),
        ("memory.usage_in_bytes", "4096\n"),
        ("memory.max_usage_in_bytes", "8192\n"),
        ("memory.limit_in_bytes", "16384\n"),
        ("memory.failcnt", "7\n"),
        ("memory.memsw.usage_in_bytes", "5096\n"),
        ("memory.memsw.max_usage_in_bytes", "9192\n"),
        ("memory.memsw.limit_in_bytes", "9223372036854771712\n"),
        ("memory.stat", "cache 1\nrss 2\ntotal_inactive_file 3\n"),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ("pids.current", "3\n"),
        ("pids.max", "max\n"),
        ("blkio.bfq.io_service_bytes_recursive", "8:16 Read 0\nTotal 0\n"),
        ("blkio.throttle.io_service_bytes_recursive", "8:16 Read 4096\n8:16 Write 0\nTotal 4096\n"),
    ]));
    assert_eq!(stats.cpu.per_cpu_ns, [3000, 2000]);
    assert_eq!((stats.cpu.total_ns, stats.cpu.user_ns, stats.cpu.system_ns), (5000, 4000, 1000));
    assert_eq!((stats.cpu.periods, stats.cpu.throttled_periods, stats.cpu.throttled_ns), (4, 3, 2000));
    let used = Amount { bytes: 4096, max_bytes: 8192, limit_bytes: Some(16384), failures: 7 };
    assert_eq!(stats.memory.used, used);
    let swap = Amount { bytes: 1000, max_bytes: 1000, limit_bytes: None, failures: 0 };
    assert_eq!(stats.memory.swap, Some(swap));
    assert_eq!(stats.memory.stat["total_inactive_file"], 3);
    assert_eq!(stats.memory.oom_kills, 2);
    assert_eq!(stats.pids, Pids { current: 3, limit: None });
    assert_eq!(stats.block_io.bytes, [block_io_entry("read", 4096), block_io_entry("write", 0)]);
    assert!(stats.block_io.operations.is_empty());
}

#[test]
fn counters_of_version_2() {
    let stats = v2::stats(&reader(&[
        (
            "cpu.stat",
            "usage_usec 5\nuser_usec 4\nsystem_usec 1\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2\n",
        ),
        ("memory.current", "4096\n"),
        ("memory.peak", "8192\n"),
        ("memory.max", "max\n"),
        ("memory.swap.current", "0\n"),
        ("memory.swap.max", "512\n"),
        ("memory.stat", "anon 1\nkernel 9\ninactive_file 3\n"),
        ("memory.events", "low 0\nhigh 0\nmax 5\noom 2\noom_kill 1\n"),
        ("pids.current", "3\n"),
        ("pids.max", "100\n"),
        ("io.stat", "8:16 rbytes=4096 wbytes=0 rios=1 wios=2 dbytes=0 dios=0\n8:0 \n"),
    ]));
    assert_eq!((stats.cpu.total_ns, stats.cpu.throttled_ns), (5000, 2000));
    let used = Amount { bytes: 4096, max_bytes: 8192, limit_bytes: None, failures: 2 };
    assert_eq!(stats.memory.used, used);
    assert_eq!(stats.memory.swap.unwrap().limit_bytes, Some(512));
    assert_eq!(stats.memory.kernel.bytes, 9);
    assert_eq!((stats.memory.stat["inactive_file"], stats.memory.oom_kills), (3, 1));
    assert_eq!(stats.pids, Pids { current: 3, limit: Some(100) });
    let operations = ["read", "write", "discard"].into_iter().zip([1, 2, 0]);
    let operations: Vec<_> = operations.map(|(name, value)| block_io_entry(name, value)).collect();
    assert_eq!(stats.block_io.operations, operations);
}

#[test]
fn a_kernel_without_a_file_counts_nothing() {
    assert_eq!(v1::stats(&|_, _| String::new()), Stats::default());
    assert_eq!(v2::stats(&|_, _| String::new()), Stats::default());
}
