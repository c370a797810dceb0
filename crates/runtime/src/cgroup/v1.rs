//! The specification's limits as files of version 1, in an order that the kernel accepts. Pure but for [`prepare_cpuset`].

use std::fs;
use std::path::Path;

use super::setting::{self, Current, Setting};
use super::{device, write};
use crate::oci::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxNetwork, LinuxResources, LinuxThrottleDevice};
use crate::{Error, Result};

const DEFAULT_PERIOD_US: i64 = 100_000;
/// What the kernel gives a new group of real-time time: nothing in a second.
const DEFAULT_REALTIME_PERIOD_US: i64 = 1_000_000;

/// What has to be written for `resources`; devices come last, and in the order in which they are given.
///
/// # Errors
/// If they ask for what version 1 does not have.
pub(super) fn settings(resources: &LinuxResources, current: &Current<'_>) -> Result<Vec<Setting>> {
    if let Some(file) = resources.unified().iter().flat_map(|files| files.keys()).next() {
        return Err(Error::Invalid(format!(
            "{file} is a file of cgroup version 2, this machine has version 1"
        )));
    }
    let mut settings = Vec::new();
    if let Some(memory) = resources.memory() {
        memory_settings(memory, current, &mut settings);
    }
    if let Some(cpu) = resources.cpu() {
        share_settings(cpu, &mut settings);
        quota_settings(cpu, current, &mut settings);
        realtime_settings(cpu, current, &mut settings);
        cpuset_settings(cpu, &mut settings);
    }
    settings.extend(setting::of_processes(resources));
    if let Some(block_io) = resources.block_io() {
        block_io_settings(block_io, &mut settings)?;
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", limit.page_size());
        settings.push(Setting::new("hugetlb", file, limit.limit()));
    }
    if let Some(network) = resources.network() {
        network_settings(network, &mut settings);
    }
    for (name, limit) in resources.rdma().iter().flatten() {
        settings.push(Setting::new("rdma", "rdma.max", super::v2::rdma_line(name, limit)));
    }
    for rule in resources.devices().iter().flatten() {
        let file = if rule.allow() { "devices.allow" } else { "devices.deny" };
        settings.push(Setting::new("devices", file, device::v1_line(rule)));
    }
    Ok(settings)
}

fn number(current: &Current<'_>, controller: &'static str, file: &'static str) -> Option<i64> {
    current(controller, file)?.trim().parse().ok()
}

/// Without a limit is more than any.
fn amount(bytes: i64) -> i64 {
    if bytes < 0 { i64::MAX } else { bytes }
}

fn memory_settings(memory: &LinuxMemory, current: &Current<'_>, settings: &mut Vec<Setting>) {
    let limit = memory.limit().filter(|limit| *limit != 0);
    let unlimited = limit.is_some_and(|limit| limit < 0);
    // With unlimited memory a limit of memory and swap together says nothing any more.
    let swap = memory.swap().filter(|swap| *swap != 0).or(unlimited.then_some(-1));
    let limit_setting = limit.map(|limit| Setting::new("memory", "memory.limit_in_bytes", limit));
    let swap_setting = swap.map(|swap| {
        let setting = Setting::new("memory", "memory.memsw.limit_in_bytes", swap);
        // Not there if the kernel does not account swap.
        setting.optional()
    });
    // At no moment may memory be allowed more than memory and swap together.
    let now = number(current, "memory", "memory.limit_in_bytes").map_or(i64::MAX, amount);
    if swap.is_some_and(|swap| amount(swap) >= now) {
        settings.extend(swap_setting);
        settings.extend(limit_setting);
    } else {
        settings.extend(limit_setting);
        settings.extend(swap_setting);
    }
    if let Some(reservation) = memory.reservation().filter(|reservation| *reservation != 0) {
        settings.push(Setting::new("memory", "memory.soft_limit_in_bytes", reservation));
    }
    if let Some(kernel) = memory.kernel().filter(|kernel| *kernel != 0) {
        settings.push(Setting::new("memory", "memory.kmem.limit_in_bytes", kernel));
    }
    if let Some(tcp) = memory.kernel_tcp().filter(|tcp| *tcp != 0) {
        settings.push(Setting::new("memory", "memory.kmem.tcp.limit_in_bytes", tcp));
    }
    if let Some(swappiness) = memory.swappiness() {
        settings.push(Setting::new("memory", "memory.swappiness", swappiness).optional());
    }
    if let Some(disabled) = memory.disable_oom_killer() {
        let is_new = current("memory", "memory.oom_control").is_none();
        if disabled || !is_new {
            settings.push(Setting::new("memory", "memory.oom_control", i32::from(disabled)));
        }
    }
}

/// An idle group takes no shares: out of it before, into it after.
fn share_settings(cpu: &LinuxCpu, settings: &mut Vec<Setting>) {
    let idle = cpu.idle().map(|idle| Setting::new("cpu", "cpu.idle", idle));
    let shares = cpu.shares().filter(|shares| *shares > 0);
    let shares = shares.map(|shares| Setting::new("cpu", "cpu.shares", shares));
    if cpu.idle() == Some(0) {
        settings.extend(idle.into_iter().chain(shares));
    } else {
        settings.extend(shares.into_iter().chain(idle));
    }
}

/// The parent's quota per period is never exceeded on the way: the longer period or the smaller quota first. A burst
/// is never more than the quota.
fn quota_settings(cpu: &LinuxCpu, current: &Current<'_>, settings: &mut Vec<Setting>) {
    let period = cpu.period().filter(|period| *period > 0);
    let quota = cpu.quota().filter(|quota| *quota != 0);
    let now = number(current, "cpu", "cpu.cfs_period_us").unwrap_or(DEFAULT_PERIOD_US);
    let longer = period.is_some_and(|period| period >= now as u64);
    let burst_now = number(current, "cpu", "cpu.cfs_burst_us").unwrap_or(0);
    let less_burst = cpu.burst().is_some_and(|burst| burst < burst_now as u64);
    let period = period.map(|period| Setting::new("cpu", "cpu.cfs_period_us", period));
    let quota = quota.map(|quota| Setting::new("cpu", "cpu.cfs_quota_us", quota));
    let burst = cpu.burst().map(|burst| Setting::new("cpu", "cpu.cfs_burst_us", burst));
    let (first, last) = if longer { (period, quota) } else { (quota, period) };
    let (before, after) = if less_burst { (burst, None) } else { (None, burst) };
    settings.extend(before.into_iter().chain(first).chain(last).chain(after));
}

/// As above, and never more than the whole period.
fn realtime_settings(cpu: &LinuxCpu, current: &Current<'_>, settings: &mut Vec<Setting>) {
    let period = cpu.realtime_period().filter(|period| *period > 0);
    let runtime = cpu.realtime_runtime().filter(|runtime| *runtime != 0);
    let now = number(current, "cpu", "cpu.rt_period_us").unwrap_or(DEFAULT_REALTIME_PERIOD_US);
    let longer = period.is_some_and(|period| period >= now as u64);
    let period = period.map(|period| Setting::new("cpu", "cpu.rt_period_us", period));
    let runtime = runtime.map(|runtime| Setting::new("cpu", "cpu.rt_runtime_us", runtime));
    let (first, last) = if longer { (period, runtime) } else { (runtime, period) };
    settings.extend(first.into_iter().chain(last));
}

fn cpuset_settings(cpu: &LinuxCpu, settings: &mut Vec<Setting>) {
    if let Some(cpus) = cpu.cpus().as_ref().filter(|cpus| !cpus.is_empty()) {
        settings.push(Setting::new("cpuset", "cpuset.cpus", cpus));
    }
    if let Some(mems) = cpu.mems().as_ref().filter(|mems| !mems.is_empty()) {
        settings.push(Setting::new("cpuset", "cpuset.mems", mems));
    }
}

fn block_io_settings(block_io: &LinuxBlockIo, settings: &mut Vec<Setting>) -> Result<()> {
    super::refuse_leaf_weights(block_io)?;
    if let Some(weight) = block_io.weight().filter(|weight| *weight > 0) {
        // The name depends on the scheduler; without one of these there are no weights on this machine.
        let setting = Setting::new("blkio", "blkio.bfq.weight", weight);
        settings.push(setting.or("blkio.weight", weight).optional());
    }
    for device in block_io.weight_device().iter().flatten() {
        let weight = device.weight().unwrap_or(0).to_string();
        let number = (device.major(), device.minor());
        let setting = Setting::of_device("blkio", "blkio.bfq.weight_device", number, &weight, "0");
        let line = setting.value.clone();
        settings.push(setting.or("blkio.weight_device", line));
    }
    let mut throttle = |file: &'static str, devices: &Option<Vec<LinuxThrottleDevice>>| {
        for device in devices.iter().flatten() {
            let number = (device.major(), device.minor());
            settings.push(Setting::of_device("blkio", file, number, &device.rate().to_string(), "0"));
        }
    };
    throttle("blkio.throttle.read_bps_device", block_io.throttle_read_bps_device());
    throttle("blkio.throttle.write_bps_device", block_io.throttle_write_bps_device());
    throttle("blkio.throttle.read_iops_device", block_io.throttle_read_iops_device());
    throttle("blkio.throttle.write_iops_device", block_io.throttle_write_iops_device());
    Ok(())
}

fn network_settings(network: &LinuxNetwork, settings: &mut Vec<Setting>) {
    if let Some(class) = network.class_id() {
        settings.push(Setting::new("net_cls", "net_cls.classid", class));
    }
    for interface in network.priorities().iter().flatten() {
        let line = format!("{} {}", interface.name(), interface.priority());
        settings.push(Setting::new("net_prio", "net_prio.ifpriomap", line));
    }
}

/// A cpuset of version 1 starts empty and takes no process until it and all its parents have processors and memory.
pub(super) fn prepare_cpuset(dir: &Path, root: &Path) -> Result<()> {
    let mut chain: Vec<&Path> = dir.ancestors().take_while(|path| *path != root).collect();
    chain.reverse();
    let mut above = root.to_owned();
    for level in chain {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let own = fs::read_to_string(level.join(file)).unwrap_or_default();
            if own.trim().is_empty() {
                let inherited = fs::read_to_string(above.join(file)).unwrap_or_default();
                write(level, file, inherited.trim())?;
            }
        }
        above = level.to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: serde_json::Value, current: &[(&str, &str)]) -> Vec<String> {
        let resources: LinuxResources = serde_json::from_value(json).unwrap();
        let current = |_: &'static str, file: &'static str| {
            current.iter().find(|(name, _)| *name == file).map(|(_, value)| (*value).to_owned())
        };
        let settings = settings(&resources, &current).unwrap();
        settings.iter().map(|setting| format!("{}={}", setting.file, setting.value)).collect()
    }

    #[test]
    fn memory_is_never_allowed_more_than_memory_and_swap() {
        let both = |limit: i64, swap: i64, now: &str| {
            let json = serde_json::json!({"memory": {"limit": limit, "swap": swap}});
            of(json, &[("memory.limit_in_bytes", now)])
        };
        let limit = |bytes: i64| format!("memory.limit_in_bytes={bytes}");
        let swap = |bytes: i64| format!("memory.memsw.limit_in_bytes={bytes}");
        assert_eq!(both(100, 200, "50"), [swap(200), limit(100)], "growing");
        assert_eq!(both(100, 200, "500"), [limit(100), swap(200)], "shrinking");
        assert_eq!(both(100, -1, "500"), [swap(-1), limit(100)]);
        assert_eq!(both(-1, 0, "500"), [swap(-1), limit(-1)], "no limit at all");
        let fresh = of(serde_json::json!({"memory": {"limit": 100, "swap": 200}}), &[]);
        assert_eq!(fresh, [limit(100), swap(200)]);
    }

    #[test]
    fn a_share_of_the_processors_is_never_exceeded_on_the_way() {
        let json = serde_json::json!({"cpu": {"quota": 50_000, "period": 200_000}});
        assert_eq!(of(json.clone(), &[]), ["cpu.cfs_period_us=200000", "cpu.cfs_quota_us=50000"]);
        let now = [("cpu.cfs_period_us", "500000")];
        assert_eq!(of(json, &now), ["cpu.cfs_quota_us=50000", "cpu.cfs_period_us=200000"]);
    }

    #[test]
    fn block_io_has_a_line_per_device() {
        let json = serde_json::json!({"blockIO": {
            "weight": 300,
            "throttleReadBpsDevice": [{"major": 8, "minor": 16, "rate": 1024}],
        }});
        assert_eq!(of(json, &[]), ["blkio.bfq.weight=300", "blkio.throttle.read_bps_device=8:16 1024"]);
    }

    #[test]
    fn files_of_version_2_are_refused() {
        let json = serde_json::json!({"unified": {"memory.high": "1"}});
        let resources: LinuxResources = serde_json::from_value(json).unwrap();
        let error = settings(&resources, &|_, _| None).unwrap_err();
        assert!(error.to_string().contains("memory.high is a file of cgroup version 2"), "{error}");
    }
}
