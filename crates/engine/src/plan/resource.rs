//! `Resources`: limits in OCI's words, by Docker's rules of what goes together.

use crate::spec::{Invalid, Resources};
use runtime::oci::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxDeviceType, LinuxMemory, LinuxPids, LinuxResources,
};

/// Docker's smallest memory limit, in bytes.
const MEMORY_MIN: i64 = 6 << 20;
/// The period that nano-cpus are counted in, in microseconds.
const CPU_PERIOD_US: u64 = 100_000;
const NANO: i64 = 1_000_000_000;
const MICRO_PER_NANO_CPU: i64 = NANO / CPU_PERIOD_US as i64;

/// The limits, and the rules for devices the user wrote down.
pub(super) fn plan(
    wanted: &Resources,
    warnings: &mut Vec<String>,
) -> Result<(LinuxResources, Vec<LinuxDeviceCgroup>), Invalid> {
    let mut resources = LinuxResources::default();
    resources.set_memory(memory(wanted, warnings)?);
    resources.set_cpu(cpu(wanted)?);
    if let Some(limit) = wanted.pids_limit.filter(|limit| *limit != 0) {
        if limit < -1 {
            return Err(range("HostConfig.PidsLimit", limit, "-1, 0 or a number of processes"));
        }
        let mut pids = LinuxPids::default();
        pids.set_limit(limit);
        resources.set_pids(Some(pids));
    }
    if wanted.blkio_weight != 0 {
        if !(10..=1000).contains(&wanted.blkio_weight) {
            return Err(Invalid::Bound("Range of blkio weight is from 10 to 1000"));
        }
        let mut block = LinuxBlockIo::default();
        block.set_weight(Some(wanted.blkio_weight));
        resources.set_block_io(Some(block));
    }
    let rules = wanted.device_cgroup_rules.iter().map(|rule| device_rule(rule)).collect::<Result<_, _>>()?;
    Ok((resources, rules))
}

fn memory(wanted: &Resources, warnings: &mut Vec<String>) -> Result<Option<LinuxMemory>, Invalid> {
    let (limit, mut swap) = (wanted.memory, wanted.memory_swap);
    if limit < 0 || (limit > 0 && limit < MEMORY_MIN) {
        return Err(Invalid::MemoryTooSmall);
    }
    if limit == 0 && swap > 0 {
        return Err(Invalid::MemorySwap(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ));
    }
    if limit > 0 && swap > 0 && swap < limit {
        return Err(Invalid::MemorySwap(
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ));
    }
    if (1..MEMORY_MIN).contains(&wanted.memory_reservation) {
        return Err(Invalid::Bound("Minimum memory reservation allowed is 6MB"));
    }
    if swap < -1 {
        return Err(range("HostConfig.MemorySwap", swap, "-1, 0 or a number of bytes"));
    }
    if limit > 0 && wanted.memory_reservation > limit {
        return Err(Invalid::MemorySwap(
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ));
    }
    if let Some(swappiness) = wanted.memory_swappiness.filter(|value| !(-1..=100).contains(value)) {
        return Err(Invalid::Swappiness(swappiness));
    }
    if wanted.oom_kill_disable && limit == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system \
             running out of resources."
                .to_owned(),
        );
    }
    // Docker's default: as much swap again as memory.
    if limit > 0 && swap == 0 {
        swap = limit.saturating_mul(2);
    }
    let mut memory = LinuxMemory::default();
    memory
        .set_limit((limit > 0).then_some(limit))
        .set_swap((swap != 0).then_some(swap))
        .set_reservation((wanted.memory_reservation > 0).then_some(wanted.memory_reservation))
        .set_swappiness(wanted.memory_swappiness.and_then(|value| u64::try_from(value).ok()))
        .set_disable_oom_killer(wanted.oom_kill_disable.then_some(true));
    Ok((memory != LinuxMemory::default()).then_some(memory))
}

fn cpu(wanted: &Resources) -> Result<Option<LinuxCpu>, Invalid> {
    if wanted.nano_cpus > 0 && wanted.cpu_period > 0 {
        return Err(Invalid::Conflict("Nano CPUs", "CPU Period cannot both be set"));
    }
    if wanted.nano_cpus > 0 && wanted.cpu_quota > 0 {
        return Err(Invalid::Conflict("Nano CPUs", "CPU Quota cannot both be set"));
    }
    if wanted.cpu_period != 0 && !(1000..=1_000_000).contains(&wanted.cpu_period) {
        return Err(Invalid::Bound(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ));
    }
    if wanted.cpu_quota > 0 && wanted.cpu_quota < 1000 {
        return Err(Invalid::Bound("CPU cfs quota can not be less than 1ms (i.e. 1000)"));
    }
    let (period, runtime) = (wanted.cpu_realtime_period, wanted.cpu_realtime_runtime);
    if period != 0 && runtime > period {
        return Err(Invalid::Bound("cpu real-time runtime cannot be higher than cpu real-time period"));
    }
    let mut cpu = LinuxCpu::default();
    if wanted.nano_cpus > 0 {
        cpu.set_period(Some(CPU_PERIOD_US)).set_quota(Some(wanted.nano_cpus / MICRO_PER_NANO_CPU));
    } else {
        cpu.set_period(u64::try_from(wanted.cpu_period).ok().filter(|period| *period > 0))
            .set_quota((wanted.cpu_quota != 0).then_some(wanted.cpu_quota));
    }
    if wanted.cpu_shares < 0 {
        return Err(range("HostConfig.CpuShares", wanted.cpu_shares, "0 or more"));
    }
    cpu.set_realtime_period(u64::try_from(period).ok().filter(|period| *period > 0))
        .set_realtime_runtime((runtime != 0).then_some(runtime));
    cpu.set_shares(u64::try_from(wanted.cpu_shares).ok().filter(|shares| *shares > 0));
    // The machine has compared these with what it has.
    cpu.set_cpus((!wanted.cpuset_cpus.is_empty()).then(|| wanted.cpuset_cpus.clone()));
    cpu.set_mems((!wanted.cpuset_mems.is_empty()).then(|| wanted.cpuset_mems.clone()));
    Ok((cpu != LinuxCpu::default()).then_some(cpu))
}

/// `c 1:3 rwm`, `b *:* m`, `a *:* rwm`
fn device_rule(text: &str) -> Result<LinuxDeviceCgroup, Invalid> {
    let parse = || {
        let mut words = text.split(' ');
        let typ = match words.next()? {
            "a" => LinuxDeviceType::A,
            "b" => LinuxDeviceType::B,
            "c" => LinuxDeviceType::C,
            _ => return None,
        };
        let (major, minor) = words.next()?.split_once(':')?;
        let number = |text: &str| {
            if text == "*" { Some(None) } else { text.parse::<u32>().ok().map(|n| Some(n.into())) }
        };
        let access = words.next()?;
        let known = !access.is_empty() && access.chars().all(|letter| "rwm".contains(letter));
        if !known || words.next().is_some() {
            return None;
        }
        let mut rule = LinuxDeviceCgroup::default();
        rule.set_allow(true)
            .set_typ(Some(typ))
            .set_major(number(major)?)
            .set_minor(number(minor)?)
            .set_access(Some(access.to_owned()));
        Some(rule)
    };
    parse().ok_or_else(|| Invalid::DeviceRule(text.to_owned()))
}

fn range(field: &'static str, value: impl ToString, want: &'static str) -> Invalid {
    Invalid::Range { field, value: value.to_string(), want }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(wanted: &Resources) -> Result<LinuxResources, Invalid> {
        plan(wanted, &mut Vec::new()).map(|(resources, _)| resources)
    }

    #[test]
    fn swap_defaults_to_as_much_again() {
        let resources = plan_of(&Resources { memory: 64 << 20, ..Resources::default() }).unwrap();
        assert_eq!(resources.memory().unwrap().swap(), Some(128 << 20));
        let resources =
            plan_of(&Resources { memory: 64 << 20, memory_swap: -1, ..Resources::default() }).unwrap();
        assert_eq!(resources.memory().unwrap().swap(), Some(-1));
        assert!(plan_of(&Resources::default()).unwrap().memory().is_none());
    }

    #[test]
    fn dockers_refusals() {
        let bad = [
            Resources { memory: 1 << 20, ..Resources::default() },
            Resources { memory_swap: 1 << 30, ..Resources::default() },
            Resources { memory: 64 << 20, memory_swap: 32 << 20, ..Resources::default() },
            Resources { nano_cpus: NANO / 2, cpu_quota: 5000, ..Resources::default() },
            Resources { cpu_period: 5, ..Resources::default() },
            Resources { cpu_realtime_period: 5, cpu_realtime_runtime: 6, ..Resources::default() },
            Resources { memory_reservation: 1, ..Resources::default() },
            Resources { pids_limit: Some(-7), ..Resources::default() },
            Resources { device_cgroup_rules: vec!["c 1:3 rwx".into()], ..Resources::default() },
        ];
        for wanted in bad {
            assert!(plan_of(&wanted).is_err(), "{wanted:?}");
        }
    }

    #[test]
    fn half_a_processor_is_half_a_period() {
        let resources = plan_of(&Resources { nano_cpus: NANO / 2, ..Resources::default() }).unwrap();
        let cpu = resources.cpu().clone().unwrap();
        assert_eq!((cpu.period(), cpu.quota()), (Some(100_000), Some(50_000)));
    }

    #[test]
    fn device_rules() {
        let rule = device_rule("c 10:* rm").unwrap();
        assert_eq!((rule.major(), rule.minor()), (Some(10), None));
    }
}
