//! Limits on version 1: a directory per controller.

use std::fs;
use std::path::Path;

use super::{Member, device, make_dir, write, write_if_present};
use crate::Result;
use crate::oci::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

/// Makes the directories of `members` and sets the limits.
pub(super) fn create(members: &[&Member], resources: &LinuxResources) -> Result<()> {
    for member in members {
        let dir = &member.dir;
        make_dir(dir)?;
        for controller in &member.controllers {
            match controller.as_str() {
                "devices" => set_devices(dir, resources)?,
                "memory" => resources.memory().as_ref().map_or(Ok(()), |m| set_memory(dir, m))?,
                "cpu" => resources.cpu().as_ref().map_or(Ok(()), |c| set_cpu(dir, c))?,
                "cpuset" => resources.cpu().as_ref().map_or(Ok(()), |c| set_cpuset(dir, &member.root, c))?,
                "pids" => set_pids(dir, resources)?,
                "blkio" => resources.block_io().as_ref().map_or(Ok(()), |b| set_block_io(dir, b))?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn set_devices(dir: &Path, resources: &LinuxResources) -> Result<()> {
    for rule in resources.devices().iter().flatten() {
        let file = if rule.allow() { "devices.allow" } else { "devices.deny" };
        write(dir, file, device::v1_line(rule))?;
    }
    Ok(())
}

fn set_memory(dir: &Path, memory: &LinuxMemory) -> Result<()> {
    if let Some(limit) = memory.limit() {
        write(dir, "memory.limit_in_bytes", limit.to_string())?;
    }
    if let Some(swap) = memory.swap() {
        // Not there if the kernel does not account swap.
        write_if_present(dir, "memory.memsw.limit_in_bytes", swap.to_string())?;
    }
    if let Some(reservation) = memory.reservation() {
        write(dir, "memory.soft_limit_in_bytes", reservation.to_string())?;
    }
    if let Some(swappiness) = memory.swappiness() {
        write_if_present(dir, "memory.swappiness", swappiness.to_string())?;
    }
    if memory.disable_oom_killer() == Some(true) {
        write(dir, "memory.oom_control", "1")?;
    }
    Ok(())
}

fn set_cpu(dir: &Path, cpu: &LinuxCpu) -> Result<()> {
    if let Some(shares) = cpu.shares().filter(|shares| *shares > 0) {
        write(dir, "cpu.shares", shares.to_string())?;
    }
    if let Some(period) = cpu.period().filter(|period| *period > 0) {
        write(dir, "cpu.cfs_period_us", period.to_string())?;
    }
    if let Some(quota) = cpu.quota().filter(|quota| *quota != 0) {
        write(dir, "cpu.cfs_quota_us", quota.to_string())?;
    }
    if let Some(burst) = cpu.burst() {
        write(dir, "cpu.cfs_burst_us", burst.to_string())?;
    }
    if let Some(idle) = cpu.idle() {
        write(dir, "cpu.idle", idle.to_string())?;
    }
    if let Some(period) = cpu.realtime_period() {
        write(dir, "cpu.rt_period_us", period.to_string())?;
    }
    if let Some(runtime) = cpu.realtime_runtime() {
        write(dir, "cpu.rt_runtime_us", runtime.to_string())?;
    }
    Ok(())
}

/// A cpuset of version 1 starts empty and takes no process until it and all its parents have processors and memory.
fn set_cpuset(dir: &Path, root: &Path, cpu: &LinuxCpu) -> Result<()> {
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
    if let Some(cpus) = cpu.cpus() {
        write(dir, "cpuset.cpus", cpus)?;
    }
    if let Some(mems) = cpu.mems() {
        write(dir, "cpuset.mems", mems)?;
    }
    Ok(())
}

fn set_pids(dir: &Path, resources: &LinuxResources) -> Result<()> {
    match resources.pids().as_ref().map(|pids| pids.limit()) {
        Some(limit) if limit > 0 => write(dir, "pids.max", limit.to_string()),
        _ => Ok(()),
    }
}

fn set_block_io(dir: &Path, block_io: &LinuxBlockIo) -> Result<()> {
    if let Some(weight) = block_io.weight().filter(|weight| *weight > 0) {
        // The name depends on the scheduler; without one of these there are no weights on this machine.
        write_if_present(dir, "blkio.bfq.weight", weight.to_string())?;
        write_if_present(dir, "blkio.weight", weight.to_string())?;
    }
    let throttle = |file: &str, devices: &Option<Vec<LinuxThrottleDevice>>| {
        devices
            .iter()
            .flatten()
            .try_for_each(|d| write(dir, file, format!("{}:{} {}", d.major(), d.minor(), d.rate())))
    };
    throttle("blkio.throttle.read_bps_device", block_io.throttle_read_bps_device())?;
    throttle("blkio.throttle.write_bps_device", block_io.throttle_write_bps_device())?;
    throttle("blkio.throttle.read_iops_device", block_io.throttle_read_iops_device())?;
    throttle("blkio.throttle.write_iops_device", block_io.throttle_write_iops_device())
}
