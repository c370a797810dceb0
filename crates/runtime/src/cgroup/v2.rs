//! Limits on version 2: one directory, controllers handed down by every parent, devices by a program.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use super::{device, make_dir, write, write_if_present};
use crate::oci::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};
use crate::sys::bpf;
use crate::{Error, Result};

/// Makes the directory and sets the limits.
pub(super) fn create(root: &Path, dir: &Path, resources: &LinuxResources) -> Result<()> {
    make_dir(dir)?;
    hand_down_controllers(root, dir)?;
    if let Some(memory) = resources.memory() {
        set_memory(dir, memory)?;
    }
    if let Some(cpu) = resources.cpu() {
        set_cpu(dir, cpu)?;
    }
    match resources.pids().as_ref().map(|pids| pids.limit()) {
        Some(limit) if limit > 0 => write(dir, "pids.max", limit.to_string())?,
        _ => {}
    }
    if let Some(block_io) = resources.block_io() {
        set_block_io(dir, block_io)?;
    }
    for (file, value) in resources.unified().iter().flatten() {
        if file.contains('/') || !file.contains('.') || file.starts_with('.') {
            return Err(Error::Invalid(format!("{file:?} is not a cgroup file")));
        }
        write(dir, file, value)?;
    }
    set_devices(dir, resources)
}

/// Version 2 gives a group only the controllers that its parent lists.
fn hand_down_controllers(root: &Path, dir: &Path) -> Result<()> {
    let mut parents: Vec<&Path> =
        dir.ancestors().skip(1).take_while(|parent| parent.starts_with(root)).collect();
    parents.reverse();
    for parent in parents {
        let read = |file: &str| fs::read_to_string(parent.join(file)).unwrap_or_default();
        let available = read("cgroup.controllers");
        let enabled = read("cgroup.subtree_control");
        for controller in ["cpuset", "cpu", "io", "memory", "pids"] {
            let has = |list: &str| list.split_ascii_whitespace().any(|c| c == controller);
            if has(&available) && !has(&enabled) {
                write(parent, "cgroup.subtree_control", format!("+{controller}"))?;
            }
        }
    }
    Ok(())
}

fn set_memory(dir: &Path, memory: &LinuxMemory) -> Result<()> {
    let limit = memory.limit();
    if let Some(limit) = limit {
        write(dir, "memory.max", amount(limit))?;
    }
    // OCI counts memory and swap together, version 2 swap alone.
    match (memory.swap(), limit) {
        (Some(swap), Some(limit)) if swap > 0 && limit > 0 => {
            write_if_present(dir, "memory.swap.max", (swap - limit).max(0).to_string())?;
        }
        (Some(swap), _) if swap < 0 => write_if_present(dir, "memory.swap.max", "max")?,
        _ => {}
    }
    if let Some(reservation) = memory.reservation() {
        write(dir, "memory.low", amount(reservation))?;
    }
    Ok(())
}

fn set_cpu(dir: &Path, cpu: &LinuxCpu) -> Result<()> {
    if let Some(shares) = cpu.shares().filter(|shares| *shares > 0) {
        write(dir, "cpu.weight", weight_of_shares(shares).to_string())?;
    }
    if cpu.quota().is_some() || cpu.period().is_some() {
        let quota = cpu.quota().filter(|quota| *quota > 0);
        let quota = quota.map_or_else(|| "max".to_owned(), |quota| quota.to_string());
        let period = cpu.period().filter(|period| *period > 0).unwrap_or(100_000);
        write(dir, "cpu.max", format!("{quota} {period}"))?;
    }
    if let Some(burst) = cpu.burst() {
        write(dir, "cpu.max.burst", burst.to_string())?;
    }
    if let Some(idle) = cpu.idle() {
        write(dir, "cpu.idle", idle.to_string())?;
    }
    if let Some(cpus) = cpu.cpus() {
        write(dir, "cpuset.cpus", cpus)?;
    }
    if let Some(mems) = cpu.mems() {
        write(dir, "cpuset.mems", mems)?;
    }
    Ok(())
}

/// Shares (2…262144) to weight (1…10000), linearly, as systemd and runc did it for years.
fn weight_of_shares(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

fn set_block_io(dir: &Path, block_io: &LinuxBlockIo) -> Result<()> {
    if let Some(weight) = block_io.weight().filter(|weight| *weight > 0) {
        write_if_present(dir, "io.bfq.weight", weight.to_string())?;
    }
    let throttle = |key: &str, devices: &Option<Vec<LinuxThrottleDevice>>| {
        devices
            .iter()
            .flatten()
            .try_for_each(|d| write(dir, "io.max", format!("{}:{} {key}={}", d.major(), d.minor(), d.rate())))
    };
    throttle("rbps", block_io.throttle_read_bps_device())?;
    throttle("wbps", block_io.throttle_write_bps_device())?;
    throttle("riops", block_io.throttle_read_iops_device())?;
    throttle("wiops", block_io.throttle_write_iops_device())
}

fn set_devices(dir: &Path, resources: &LinuxResources) -> Result<()> {
    let rules = resources.devices().as_deref().unwrap_or_default();
    if rules.is_empty() {
        return Ok(());
    }
    let program = bpf::load_device_program(&device::v2_program(rules)?)
        .map_err(Error::host("load the device program"))?;
    let cgroup = fs::File::open(dir).map_err(Error::path("open", dir))?;
    bpf::attach_device_program(program.as_fd(), cgroup.as_fd())
        .map_err(Error::path("attach the device program to", dir))
}

fn amount(bytes: i64) -> String {
    if bytes < 0 { "max".to_owned() } else { bytes.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::*;

    #[test]
    fn shares_map_to_the_ends_of_the_weights() {
        assert_eq!(weight_of_shares(2), 1);
        assert_eq!(weight_of_shares(1024), 39);
        assert_eq!(weight_of_shares(262_144), 10_000);
        assert_eq!(weight_of_shares(0), 1);
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
