//! The specification's limits as files of version 2. Pure but for [`hand_down_controllers`] and [`attach_devices`].
//!
//! Conversions from version 1's units, in which the specification counts: shares to weights (the curve of runc 1.4 and
//! crun, by which both defaults, 1024 and 100, are the same), memory and swap together to swap alone, weights of block
//! IO linearly from 10…1000 to 1…10000.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use super::setting::{self, Current, Setting};
use super::{device, write};
use crate::oci::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxMemory, LinuxRdma, LinuxResources, LinuxThrottleDevice,
};
use crate::sys::bpf;
use crate::{Error, Result};

/// Controllers that every container gets, for its statistics.
const ALWAYS: [&str; 5] = ["cpuset", "cpu", "io", "memory", "pids"];

/// What has to be written for `resources`, devices excepted.
///
/// # Errors
/// If they ask for what version 2 does not have.
pub(super) fn settings(resources: &LinuxResources, current: &Current<'_>) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    if let Some(memory) = resources.memory() {
        memory_settings(memory, current, &mut settings)?;
    }
    if let Some(cpu) = resources.cpu() {
        cpu_settings(cpu, current, &mut settings)?;
    }
    settings.extend(setting::of_processes(resources));
    if let Some(block_io) = resources.block_io() {
        block_io_settings(block_io, &mut settings)?;
    }
    for limit in resources.hugepage_limits().iter().flatten() {
        let (size, bytes) = (limit.page_size(), amount(limit.limit()));
        settings.push(Setting::new("hugetlb", format!("hugetlb.{size}.max"), &bytes));
        settings.push(Setting::new("hugetlb", format!("hugetlb.{size}.rsvd.max"), bytes).optional());
    }
    for (name, limit) in resources.rdma().iter().flatten() {
        settings.push(Setting::new("rdma", "rdma.max", rdma_line(name, limit)));
    }
    if resources.network().is_some() {
        return Err(absent("network classes and priorities"));
    }
    unified_settings(resources, &mut settings)?;
    Ok(settings)
}

fn absent(what: &str) -> Error {
    Error::Invalid(format!("cgroup version 2 has no {what}"))
}

fn amount(bytes: i64) -> String {
    if bytes < 0 { "max".to_owned() } else { bytes.to_string() }
}

fn memory_settings(memory: &LinuxMemory, current: &Current<'_>, settings: &mut Vec<Setting>) -> Result<()> {
    if memory.disable_oom_killer() == Some(true) {
        return Err(absent("way to disable the out-of-memory killer"));
    }
    if memory.swappiness().is_some() {
        return Err(absent("swappiness"));
    }
    let limit = memory.limit().filter(|limit| *limit != 0);
    if let Some(swap) = swap_alone(memory, limit, current)? {
        // Not there if the kernel does not account swap.
        settings.push(Setting::new("memory", "memory.swap.max", swap).optional());
    }
    if let Some(limit) = limit {
        settings.push(Setting::new("memory", "memory.max", amount(limit)));
    }
    if let Some(reservation) = memory.reservation().filter(|reservation| *reservation != 0) {
        settings.push(Setting::new("memory", "memory.low", amount(reservation)));
    }
    Ok(())
}

/// The specification counts memory and swap together, version 2 swap alone.
fn swap_alone(memory: &LinuxMemory, limit: Option<i64>, current: &Current<'_>) -> Result<Option<String>> {
    let swap = memory.swap().filter(|swap| *swap != 0);
    let limit = limit.or_else(|| current("memory", "memory.max")?.trim().parse().ok());
    match (swap, limit) {
        (None, Some(limit)) if limit < 0 => Ok(Some("max".to_owned())),
        (None, _) => Ok(None),
        (Some(swap), _) if swap < 0 => Ok(Some("max".to_owned())),
        (Some(_), None) => Err(Error::Invalid("a limit of swap needs a limit of memory".to_owned())),
        (Some(swap), Some(limit)) if limit < 0 => Ok(Some(amount(swap))),
        (Some(swap), Some(limit)) if swap < limit => {
            Err(Error::Invalid("memory and swap together cannot be limited to less than memory".to_owned()))
        }
        (Some(swap), Some(limit)) => Ok(Some((swap - limit).to_string())),
    }
}

fn cpu_settings(cpu: &LinuxCpu, current: &Current<'_>, settings: &mut Vec<Setting>) -> Result<()> {
    if cpu.realtime_period().is_some_and(|p| p > 0) || cpu.realtime_runtime().is_some_and(|r| r != 0) {
        return Err(absent("real-time limits"));
    }
    // An idle group takes no weight: out of it before, into it after.
    let idle = cpu.idle().map(|idle| Setting::new("cpu", "cpu.idle", idle));
    let weight = cpu.shares().filter(|shares| *shares > 0);
    let weight = weight.map(|shares| Setting::new("cpu", "cpu.weight", weight_of_shares(shares)));
    if cpu.idle() == Some(0) {
        settings.extend(idle.into_iter().chain(weight));
    } else {
        settings.extend(weight.into_iter().chain(idle));
    }
    let quota = cpu.quota().filter(|quota| *quota != 0);
    let period = cpu.period().filter(|period| *period > 0);
    if quota.is_some() || period.is_some() {
        let now = current("cpu", "cpu.max").unwrap_or_default();
        let quota = quota.map_or_else(|| now.split(' ').next().unwrap_or_default().to_owned(), amount);
        let quota = if quota.is_empty() { "max".to_owned() } else { quota };
        // Without a period the kernel keeps the one it has.
        let value = period.map_or_else(|| quota.clone(), |period| format!("{quota} {period}"));
        settings.push(Setting::new("cpu", "cpu.max", value));
    }
    if let Some(burst) = cpu.burst() {
        settings.push(Setting::new("cpu", "cpu.max.burst", burst));
    }
    if let Some(cpus) = cpu.cpus().as_ref().filter(|cpus| !cpus.is_empty()) {
        settings.push(Setting::new("cpuset", "cpuset.cpus", cpus));
    }
    if let Some(mems) = cpu.mems().as_ref().filter(|mems| !mems.is_empty()) {
        settings.push(Setting::new("cpuset", "cpuset.mems", mems));
    }
    Ok(())
}

/// Shares (2…262144) to weight (1…10000), so that least, default and most of one are those of the other: a quadratic in
/// the logarithm.
pub(super) fn weight_of_shares(shares: u64) -> u64 {
    let log = (shares.clamp(2, 262_144) as f64).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    (10_f64.powf(exponent).ceil() as u64).clamp(1, 10_000)
}

/// 10…1000 to 1…10000.
pub(super) fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight.clamp(10, 1000) - 10) * 9_999 / 990
}

fn block_io_settings(block_io: &LinuxBlockIo, settings: &mut Vec<Setting>) -> Result<()> {
    super::refuse_leaf_weights(block_io)?;
    if let Some(weight) = block_io.weight().filter(|weight| *weight > 0) {
        let setting = Setting::new("io", "io.bfq.weight", weight);
        settings.push(setting.or("io.weight", io_weight(weight)).optional());
    }
    for device in block_io.weight_device().iter().flatten() {
        let weight = device.weight().unwrap_or(0);
        let number = (device.major(), device.minor());
        let line = format!("{}:{} {}", number.0, number.1, io_weight(weight));
        let setting = Setting::of_device("io", "io.bfq.weight", number, &weight.to_string(), "default");
        settings.push(setting.or("io.weight", line));
    }
    let mut throttle = |key: &str, devices: &Option<Vec<LinuxThrottleDevice>>| {
        for device in devices.iter().flatten() {
            let rate = if device.rate() == 0 { "max".to_owned() } else { device.rate().to_string() };
            let number = (device.major(), device.minor());
            let (text, off) = (format!("{key}={rate}"), format!("{key}=max"));
            settings.push(Setting::of_device("io", "io.max", number, &text, &off));
        }
    };
    throttle("rbps", block_io.throttle_read_bps_device());
    throttle("wbps", block_io.throttle_write_bps_device());
    throttle("riops", block_io.throttle_read_iops_device());
    throttle("wiops", block_io.throttle_write_iops_device());
    Ok(())
}

/// `mlx5_0 hca_handle=3 hca_object=max`, the same on both versions.
pub(super) fn rdma_line(name: &str, limit: &LinuxRdma) -> String {
    let part =
        |key: &str, limit: Option<u32>| limit.map(|limit| format!(" {key}={limit}")).unwrap_or_default();
    let handles = part("hca_handle", limit.hca_handles());
    format!("{name}{handles}{}", part("hca_object", limit.hca_objects()))
}

/// Files as they are; in a steady order, since a map has none.
fn unified_settings(resources: &LinuxResources, settings: &mut Vec<Setting>) -> Result<()> {
    let mut files: Vec<_> = resources.unified().iter().flatten().collect();
    files.sort_unstable();
    for (file, value) in files {
        if file.contains('/') || !file.contains('.') || file.starts_with('.') {
            return Err(Error::Invalid(format!("{file:?} is not a cgroup file")));
        }
        let name = file.split('.').next().unwrap_or_default();
        let known = ALWAYS.into_iter().chain(["hugetlb", "rdma", "misc"]).find(|known| *known == name);
        settings.push(Setting::new(known.unwrap_or("cgroup"), file.clone(), value));
    }
    Ok(())
}

/// Version 2 gives a group only the controllers that its parent lists. One that cannot be had is an error if a limit
/// needs it.
pub(super) fn hand_down_controllers(root: &Path, dir: &Path, settings: &[Setting]) -> Result<()> {
    let needed = |controller: &str| settings.iter().any(|s| s.controller == controller && !s.optional);
    let extra = ["hugetlb", "rdma", "misc"].into_iter().filter(|controller| needed(controller));
    let wanted: Vec<&str> = ALWAYS.into_iter().chain(extra).collect();
    let mut parents: Vec<&Path> =
        dir.ancestors().skip(1).take_while(|parent| parent.starts_with(root)).collect();
    parents.reverse();
    for parent in parents {
        let read = |file: &str| fs::read_to_string(parent.join(file)).unwrap_or_default();
        let available = read("cgroup.controllers");
        let enabled = read("cgroup.subtree_control");
        for controller in &wanted {
            let has = |list: &str| list.split_ascii_whitespace().any(|c| c == *controller);
            if has(&available) && !has(&enabled) {
                let done = write(parent, "cgroup.subtree_control", format!("+{controller}"));
                if needed(controller) {
                    done?;
                }
            }
        }
    }
    Ok(())
}

/// Lets the group open what `rules` allow, from now on.
pub(super) fn attach_devices(dir: &Path, rules: &[LinuxDeviceCgroup]) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let program = bpf::load_device_program(&device::v2_program(rules)?)
        .map_err(Error::host("load the device program"))?;
    let cgroup = fs::File::open(dir).map_err(Error::path("open", dir))?;
    bpf::attach_device_program(program.as_fd(), cgroup.as_fd())
        .map_err(Error::path("attach the device program to", dir))
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::*;

    fn of(json: serde_json::Value, current: &[(&str, &str)]) -> Result<Vec<String>> {
        let resources: LinuxResources = serde_json::from_value(json).unwrap();
        let current = |_: &'static str, file: &'static str| {
            current.iter().find(|(name, _)| *name == file).map(|(_, value)| (*value).to_owned())
        };
        let settings = settings(&resources, &current)?;
        Ok(settings.iter().map(|setting| format!("{}={}", setting.file, setting.value)).collect())
    }

    #[test]
    fn shares_map_to_the_ends_and_the_middle_of_the_weights() {
        assert_eq!(weight_of_shares(0), 1);
        assert_eq!(weight_of_shares(2), 1);
        assert_eq!(weight_of_shares(1024), 100);
        assert_eq!(weight_of_shares(262_144), 10_000);
        assert_eq!([io_weight(10), io_weight(1000)], [1, 10_000]);
    }

    #[test]
    fn swap_is_counted_alone() {
        let memory =
            |limit: i64, swap: i64| of(serde_json::json!({"memory": {"limit": limit, "swap": swap}}), &[]);
        assert_eq!(memory(100, 300).unwrap(), ["memory.swap.max=200", "memory.max=100"]);
        assert_eq!(memory(100, 100).unwrap(), ["memory.swap.max=0", "memory.max=100"]);
        assert_eq!(memory(100, -1).unwrap(), ["memory.swap.max=max", "memory.max=100"]);
        assert_eq!(memory(-1, 0).unwrap(), ["memory.swap.max=max", "memory.max=max"]);
        assert!(memory(100, 50).is_err());
        let swap = |now| of(serde_json::json!({"memory": {"swap": 300}}), now);
        assert_eq!(swap(&[("memory.max", "120\n")]).unwrap(), ["memory.swap.max=180"]);
        assert!(swap(&[]).is_err(), "swap without memory means nothing");
    }

    #[test]
    fn a_quota_keeps_the_period_and_the_other_way_round() {
        let now = [("cpu.max", "50000 200000\n")];
        assert_eq!(of(serde_json::json!({"cpu": {"quota": -1}}), &now).unwrap(), ["cpu.max=max"]);
        assert_eq!(of(serde_json::json!({"cpu": {"period": 1000}}), &now).unwrap(), ["cpu.max=50000 1000"]);
        assert_eq!(of(serde_json::json!({"cpu": {"period": 1000}}), &[]).unwrap(), ["cpu.max=max 1000"]);
    }

    #[test]
    fn what_version_2_lacks_is_refused() {
        let errors = [
            serde_json::json!({"memory": {"disableOOMKiller": true}}),
            serde_json::json!({"memory": {"swappiness": 10}}),
            serde_json::json!({"cpu": {"realtimeRuntime": 10}}),
            serde_json::json!({"network": {"classID": 1}}),
            serde_json::json!({"unified": {"../memory.max": "1"}}),
            serde_json::json!({"blockIO": {"leafWeight": 10}}),
        ];
        for json in errors {
            assert!(of(json.clone(), &[]).is_err(), "{json}");
        }
    }

    /// The kernel's verifier accepts the default rules, and the group can be made, listed and removed.
    #[test]
    fn the_device_program_attaches_to_a_version_2_group() {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root");
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots
            .into_iter()
            .find(|root| root.join("cgroup.controllers").exists())
            .expect("this test needs a mounted cgroup2");
        let parent = format!("/shoal-test-{}", std::process::id());
        let layout = Layout::v2_at(root);
        let group = layout.cgroup(Path::new(&format!("{parent}/v2"))).unwrap();
        let mut resources = LinuxResources::default();
        resources.set_devices(Some(crate::default::device_rules()));
        let created = group.create(&resources);
        let children = layout.children(Path::new(&parent));
        let removed = group.remove();
        layout.cgroup(Path::new(&parent)).unwrap().remove().unwrap();
        created.unwrap();
        removed.unwrap();
        assert_eq!(children.unwrap(), ["v2"]);
        assert!(!group.exists());
    }
}
