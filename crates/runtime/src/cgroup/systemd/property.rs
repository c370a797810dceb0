//! Limits of the specification as properties of a unit. Pure.
//!
//! The limits are written to the cgroup's files too. systemd has to know them as well, or it would take them back when it
//! applies a unit's properties again (`daemon-reload`).

use super::message::{Property, Value};
use crate::cgroup::Version;
use crate::cgroup::v2::{io_weight, weight_of_shares};
use crate::oci::{LinuxCpu, LinuxMemory, LinuxResources};

const DEFAULT_PERIOD_US: u64 = 100_000;
const US_PER_SECOND: u64 = 1_000_000;
/// systemd counts quotas in whole percent of a second.
const PERCENT_US: u64 = 10_000;

/// The properties for what `resources` has.
pub(super) fn properties(version: Version, resources: &LinuxResources) -> Vec<Property> {
    let mut properties = Vec::new();
    if let Some(memory) = resources.memory() {
        of_memory(version, memory, &mut properties);
    }
    if let Some(cpu) = resources.cpu() {
        of_cpu(version, cpu, &mut properties);
    }
    if let Some(limit) = resources.pids().as_ref().map(|pids| pids.limit()).filter(|limit| *limit != 0) {
        properties.push(("TasksMax", amount(limit)));
    }
    let weight = resources.block_io().as_ref().and_then(|io| io.weight()).filter(|weight| *weight > 0);
    if let Some(weight) = weight {
        properties.push(match version {
            Version::V1 => ("BlockIOWeight", Value::U64(weight.into())),
            Version::V2 => ("IOWeight", Value::U64(io_weight(weight))),
        });
    }
    properties
}

/// Without limit is the largest number.
fn amount(number: i64) -> Value {
    Value::U64(u64::try_from(number).unwrap_or(u64::MAX))
}

fn of_memory(version: Version, memory: &LinuxMemory, properties: &mut Vec<Property>) {
    let limit = memory.limit().filter(|limit| *limit != 0);
    if let Some(limit) = limit {
        let name = if version == Version::V1 { "MemoryLimit" } else { "MemoryMax" };
        properties.push((name, amount(limit)));
    }
    if version == Version::V1 {
        return;
    }
    if let Some(reservation) = memory.reservation().filter(|reservation| *reservation != 0) {
        properties.push(("MemoryLow", amount(reservation)));
    }
    match (memory.swap().filter(|swap| *swap != 0), limit) {
        (Some(swap), _) if swap < 0 => properties.push(("MemorySwapMax", amount(-1))),
        (Some(swap), Some(limit)) if limit > 0 && swap >= limit => {
            properties.push(("MemorySwapMax", amount(swap - limit)));
        }
        _ => {}
    }
}

fn of_cpu(version: Version, cpu: &LinuxCpu, properties: &mut Vec<Property>) {
    if let Some(shares) = cpu.shares().filter(|shares| *shares > 0) {
        properties.push(match version {
            Version::V1 => ("CPUShares", Value::U64(shares)),
            Version::V2 => ("CPUWeight", Value::U64(weight_of_shares(shares))),
        });
    }
    let period = cpu.period().filter(|period| *period > 0);
    if let Some(period) = period {
        properties.push(("CPUQuotaPeriodUSec", Value::U64(period)));
    }
    if let Some(quota) = cpu.quota().filter(|quota| *quota != 0) {
        let period = period.unwrap_or(DEFAULT_PERIOD_US);
        // Rounded up: a group below may ask for all of it.
        let per_second = u64::try_from(quota).map_or(u64::MAX, |quota| {
            (quota.saturating_mul(US_PER_SECOND) / period).div_ceil(PERCENT_US) * PERCENT_US
        });
        properties.push(("CPUQuotaPerSecUSec", Value::U64(per_second)));
    }
    if version == Version::V2 {
        let sets = [("AllowedCPUs", cpu.cpus()), ("AllowedMemoryNodes", cpu.mems())];
        for (name, list) in sets {
            if let Some(bits) = list.as_deref().and_then(bits) {
                properties.push((name, Value::Bytes(bits)));
            }
        }
    }
}

/// `0-2,8` as a set of bits, the lowest first; none if it is no list, which the cgroup's own file will say.
fn bits(list: &str) -> Option<Vec<u8>> {
    /// More processors than any kernel is built for.
    const MAX: usize = 8192;
    let mut bits: Vec<u8> = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last >= MAX || first > last {
            return None;
        }
        bits.resize(bits.len().max(last / 8 + 1), 0);
        (first..=last).for_each(|bit| bits[bit / 8] |= 1 << (bit % 8));
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: Version, json: serde_json::Value) -> Vec<Property> {
        properties(version, &serde_json::from_value(json).unwrap())
    }

    #[test]
    fn limits_are_properties_of_both_versions() {
        let json = serde_json::json!({
            "memory": {"limit": 100, "swap": 300, "reservation": 50},
            "cpu": {"shares": 1024, "quota": 25_500, "period": 100_000, "cpus": "0-2,8"},
            "pids": {"limit": -1},
            "blockIO": {"weight": 1000},
        });
        let v2 = of(Version::V2, json.clone());
        let expected = [
            ("MemoryMax", Value::U64(100)),
            ("MemoryLow", Value::U64(50)),
            ("MemorySwapMax", Value::U64(200)),
            ("CPUWeight", Value::U64(100)),
            ("CPUQuotaPeriodUSec", Value::U64(100_000)),
            ("CPUQuotaPerSecUSec", Value::U64(260_000)),
            ("AllowedCPUs", Value::Bytes(vec![0b111, 1])),
            ("TasksMax", Value::U64(u64::MAX)),
            ("IOWeight", Value::U64(10_000)),
        ];
        assert_eq!(v2, expected);
        let names: Vec<_> = of(Version::V1, json).into_iter().map(|(name, _)| name).collect();
        let expected = [
            "MemoryLimit",
            "CPUShares",
            "CPUQuotaPeriodUSec",
            "CPUQuotaPerSecUSec",
            "TasksMax",
            "BlockIOWeight",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_list_that_is_none_has_no_bits() {
        for list in ["", "x", "3-1", "0-9000", "0,,1"] {
            assert_eq!(bits(list), None, "{list}");
        }
        assert_eq!(bits("0"), Some(vec![1]));
    }
}
