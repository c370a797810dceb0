//! A sample of a container → what stats tell.

use engine::Record;
use engine::stats::{BlockIoEntry, Interface, Sample, Usage};
use engine_api::Timestamp;
use engine_api::container::{
    BlkioStatEntry, BlkioStats, ContainerStatsResponse, CpuStats, CpuUsage, MemoryStats, NetworkStats,
    PidsStats, ThrottlingData,
};

/// What is told of a container, given the sample before. Without a sample: that it does not run.
pub(crate) fn stats(
    record: &Record,
    sample: Option<&Sample>,
    before: Option<&Sample>,
) -> ContainerStatsResponse {
    let told = ContainerStatsResponse {
        name: format!("/{}", record.name),
        id: record.id.clone(),
        ..ContainerStatsResponse::default()
    };
    let Some(sample) = sample else { return told };
    let usage = &sample.usage;
    let interfaces = sample.interfaces.iter().flatten();
    ContainerStatsResponse {
        os_type: "linux".to_owned(),
        read: Timestamp::from_ns(sample.at_ns),
        preread: before.map_or(Timestamp::NEVER, |before| Timestamp::from_ns(before.at_ns)),
        pids_stats: PidsStats { current: Some(usage.pids.current), limit: usage.pids.limit },
        blkio_stats: BlkioStats {
            io_service_bytes_recursive: Some(usage.block_io.bytes.iter().map(entry).collect()),
            io_serviced_recursive: some(&usage.block_io.operations),
            ..BlkioStats::default()
        },
        cpu_stats: cpu(sample),
        precpu_stats: before.map(cpu).unwrap_or_default(),
        memory_stats: memory(usage, sample.machine_memory_bytes),
        networks: interfaces.map(|(name, interface)| (name.clone(), network(interface))).collect(),
        ..told
    }
}

fn cpu(sample: &Sample) -> CpuStats {
    let cpu = &sample.usage.cpu;
    CpuStats {
        cpu_usage: CpuUsage {
            total_usage: cpu.total_ns,
            percpu_usage: cpu.per_cpu_ns.clone(),
            usage_in_kernelmode: cpu.system_ns,
            usage_in_usermode: cpu.user_ns,
        },
        system_cpu_usage: Some(sample.machine_cpu_ns),
        online_cpus: Some(sample.processors),
        throttling_data: ThrottlingData {
            periods: cpu.periods,
            throttled_periods: cpu.throttled_periods,
            throttled_time: cpu.throttled_ns,
        },
    }
}

fn memory(usage: &Usage, machine_bytes: u64) -> MemoryStats {
    let used = &usage.memory.used;
    // A container may not use more than there is, whatever its limit says.
    let limit = used.limit_bytes.map_or(machine_bytes, |limit| limit.min(machine_bytes));
    let not_zero = |value: u64| (value != 0).then_some(value);
    MemoryStats {
        usage: Some(used.bytes),
        max_usage: not_zero(used.max_bytes),
        stats: usage.memory.stat.clone(),
        failcnt: not_zero(used.failures),
        limit: Some(limit),
    }
}

fn some(entries: &[BlockIoEntry]) -> Option<Vec<BlkioStatEntry>> {
    (!entries.is_empty()).then(|| entries.iter().map(entry).collect())
}

fn entry(entry: &BlockIoEntry) -> BlkioStatEntry {
    BlkioStatEntry { major: entry.major, minor: entry.minor, op: entry.operation.clone(), value: entry.value }
}

fn network(interface: &Interface) -> NetworkStats {
    NetworkStats {
        rx_bytes: interface.rx_bytes,
        rx_packets: interface.rx_packets,
        rx_errors: interface.rx_errors,
        rx_dropped: interface.rx_dropped,
        tx_bytes: interface.tx_bytes,
        tx_packets: interface.tx_packets,
        tx_errors: interface.tx_errors,
        tx_dropped: interface.tx_dropped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_does_not_run_has_a_name_and_zeros() {
        let record = Record { id: "abc".into(), name: "web".into(), ..Record::default() };
        let json = serde_json::to_value(stats(&record, None, None)).expect("json");
        assert_eq!((json["name"].as_str(), json["id"].as_str()), (Some("/web"), Some("abc")));
        assert_eq!(json["read"], "0001-01-01T00:00:00Z");
        assert_eq!(json["memory_stats"], serde_json::json!({}));
        assert_eq!(json["pids_stats"], serde_json::json!({}));
        assert_eq!(json["cpu_stats"]["cpu_usage"]["total_usage"], 0);
    }

    #[test]
    fn memory_without_a_limit_is_the_machines() {
        let mut sample = Sample { machine_memory_bytes: 1000, at_ns: 7, ..Sample::default() };
        sample.usage.memory.used.bytes = 10;
        let told = stats(&Record::default(), Some(&sample), None);
        assert_eq!((told.memory_stats.usage, told.memory_stats.limit), (Some(10), Some(1000)));
        sample.usage.memory.used.limit_bytes = Some(500);
        let told = stats(&Record::default(), Some(&sample), Some(&sample));
        assert_eq!((told.memory_stats.limit, told.preread.ns()), (Some(500), Some(7)));
    }
}
