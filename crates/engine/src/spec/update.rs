//! What a user may change on a container that exists, and what it makes of the limits it has. Pure.

use super::device::{DeviceRate, DeviceWeight};
use super::host::Resources;
use super::restart::RestartPolicy;

/// A change. A limit that is zero, empty or absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// The new limits. Of all limits these can change: processor time, shares and sets, memory, swap, swappiness,
    /// reservation, the number of processes, and block IO's weight and limits, of which those of other devices stay.
    pub resources: Resources,
    /// The new restart policy.
    pub restart_policy: Option<RestartPolicy>,
}

/// The limits after a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Updated {
    /// All of them, for the record.
    pub(crate) all: Resources,
    /// Those that the kernel has to be told.
    pub(crate) changed: Resources,
}

/// The limits after a change.
///
/// # Errors
/// Docker's sentence, if a new limit contradicts one that stays.
pub(crate) fn update(old: &Resources, new: &Resources) -> Result<Updated, &'static str> {
    if new.nano_cpus > 0 && old.cpu_period > 0 {
        return Err("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
    }
    if new.nano_cpus > 0 && old.cpu_quota > 0 {
        return Err("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
    }
    if new.cpu_period > 0 && old.nano_cpus > 0 {
        return Err("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
    }
    if new.cpu_quota > 0 && old.nano_cpus > 0 {
        return Err("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
    }
    if new.memory_swap == 0 && old.memory_swap > 0 && new.memory > old.memory_swap {
        return Err(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        );
    }
    let mut all = old.clone();
    let mut changed = Resources::default();
    set(&mut all.cpu_shares, &new.cpu_shares);
    set(&mut all.nano_cpus, &new.nano_cpus);
    set(&mut all.cpu_period, &new.cpu_period);
    set(&mut all.cpu_quota, &new.cpu_quota);
    set(&mut all.cpuset_cpus, &new.cpuset_cpus);
    set(&mut all.cpuset_mems, &new.cpuset_mems);
    set(&mut all.memory, &new.memory);
    set(&mut all.memory_swap, &new.memory_swap);
    set(&mut all.memory_reservation, &new.memory_reservation);
    set(&mut all.pids_limit, &new.pids_limit);
    set(&mut all.blkio_weight, &new.blkio_weight);
    set(&mut all.memory_swappiness, &new.memory_swappiness);
    set(&mut all.cpu_realtime_period, &new.cpu_realtime_period);
    set(&mut all.cpu_realtime_runtime, &new.cpu_realtime_runtime);
    set_weights(&mut all.blkio_weight_devices, &new.blkio_weight_devices);
    for (all, new) in [
        (&mut all.blkio_read_bps, &new.blkio_read_bps),
        (&mut all.blkio_write_bps, &new.blkio_write_bps),
        (&mut all.blkio_read_iops, &new.blkio_read_iops),
        (&mut all.blkio_write_iops, &new.blkio_write_iops),
    ] {
        set_rates(all, new);
    }
    if all.memory > 0 && all.memory_swap == 0 {
        // What a creation writes down.
        all.memory_swap = all.memory.saturating_mul(2);
    }

    changed.cpu_shares = new.cpu_shares;
    changed.cpuset_cpus.clone_from(&new.cpuset_cpus);
    changed.cpuset_mems.clone_from(&new.cpuset_mems);
    changed.memory_reservation = new.memory_reservation;
    changed.blkio_weight = new.blkio_weight;
    changed.memory_swappiness = new.memory_swappiness;
    changed.blkio_weight_devices.clone_from(&new.blkio_weight_devices);
    changed.blkio_read_bps.clone_from(&new.blkio_read_bps);
    changed.blkio_write_bps.clone_from(&new.blkio_write_bps);
    changed.blkio_read_iops.clone_from(&new.blkio_read_iops);
    changed.blkio_write_iops.clone_from(&new.blkio_write_iops);
    // No limit has to be told, where a limit may have been.
    changed.pids_limit = new.pids_limit.map(|limit| if limit == 0 { -1 } else { limit });
    // What depends on one another is told together.
    if new.nano_cpus != 0 || new.cpu_period != 0 || new.cpu_quota != 0 {
        (changed.nano_cpus, changed.cpu_period, changed.cpu_quota) =
            (all.nano_cpus, all.cpu_period, all.cpu_quota);
    }
    if new.cpu_realtime_period != 0 || new.cpu_realtime_runtime != 0 {
        (changed.cpu_realtime_period, changed.cpu_realtime_runtime) =
            (all.cpu_realtime_period, all.cpu_realtime_runtime);
    }
    if new.memory != 0 || new.memory_swap != 0 {
        (changed.memory, changed.memory_swap) = (all.memory, all.memory_swap);
    }
    Ok(Updated { all, changed })
}

fn set<T: Default + PartialEq + Clone>(field: &mut T, new: &T) {
    if *new != T::default() {
        field.clone_from(new);
    }
}

fn set_weights(all: &mut Vec<DeviceWeight>, new: &[DeviceWeight]) {
    all.retain(|old| new.iter().all(|new| new.path != old.path));
    all.extend_from_slice(new);
}

/// A rate of zero is none.
fn set_rates(all: &mut Vec<DeviceRate>, new: &[DeviceRate]) {
    all.retain(|old| new.iter().all(|new| new.path != old.path));
    all.extend(new.iter().filter(|new| new.rate != 0).cloned());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: i64 = 1 << 20;

    #[test]
    fn what_is_not_named_stays() {
        let old =
            Resources { memory: 64 * MIB, memory_swap: 128 * MIB, cpu_shares: 512, ..Resources::default() };
        let new = Resources { pids_limit: Some(20), ..Resources::default() };
        let updated = update(&old, &new).unwrap();
        assert_eq!(updated.all, Resources { pids_limit: Some(20), ..old });
        assert_eq!(updated.changed, new);
    }

    #[test]
    fn memory_is_told_with_its_swap() {
        let old = Resources { memory: 64 * MIB, memory_swap: 128 * MIB, ..Resources::default() };
        let new = Resources { memory: 100 * MIB, ..Resources::default() };
        let changed = update(&old, &new).unwrap().changed;
        assert_eq!((changed.memory, changed.memory_swap), (100 * MIB, 128 * MIB));
        let unlimited = update(&Resources::default(), &new).unwrap();
        assert_eq!(unlimited.all.memory_swap, 200 * MIB);
    }

    #[test]
    fn no_limit_of_processes_is_told() {
        let old = Resources { pids_limit: Some(5), ..Resources::default() };
        let updated = update(&old, &Resources { pids_limit: Some(0), ..Resources::default() }).unwrap();
        assert_eq!((updated.all.pids_limit, updated.changed.pids_limit), (Some(0), Some(-1)));
    }

    #[test]
    fn devices_are_changed_one_by_one() {
        let rate = |path: &str, rate| DeviceRate { path: path.to_owned(), rate };
        let with =
            |rates: &[DeviceRate]| Resources { blkio_read_bps: rates.to_vec(), ..Resources::default() };
        let old = with(&[rate("/a", 1), rate("/b", 2), rate("/c", 3)]);
        let new = with(&[rate("/b", 5), rate("/c", 0)]);
        let updated = update(&old, &new).unwrap();
        assert_eq!(updated.all, with(&[rate("/a", 1), rate("/b", 5)]));
        assert_eq!(updated.changed, new, "that there is no limit has to be told");
    }

    #[test]
    fn contradictions_are_refused() {
        let memory = Resources { memory: 64 * MIB, memory_swap: 128 * MIB, ..Resources::default() };
        let quota = Resources { cpu_quota: 5000, cpu_period: 10_000, ..Resources::default() };
        let nano = Resources { nano_cpus: 1, ..Resources::default() };
        for (old, new) in [
            (&memory, &Resources { memory: 200 * MIB, ..Resources::default() }),
            (&quota, &nano),
            (&nano, &quota),
        ] {
            assert!(update(old, new).is_err(), "{new:?}");
        }
    }
}
