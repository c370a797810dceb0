//! What a user may change on a container that exists, and what it makes of the limits it has. Pure.

use super::host::Resources;
use super::restart::RestartPolicy;

/// A change. A limit that is zero, empty or absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// The new limits. Of all limits these can change: processor time, shares and sets, memory, swap, reservation, the
    /// number of processes and the block IO weight.
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
    if all.memory > 0 && all.memory_swap == 0 {
        // What a creation writes down.
        all.memory_swap = all.memory.saturating_mul(2);
    }

    changed.cpu_shares = new.cpu_shares;
    changed.cpuset_cpus.clone_from(&new.cpuset_cpus);
    changed.cpuset_mems.clone_from(&new.cpuset_mems);
    changed.memory_reservation = new.memory_reservation;
    changed.blkio_weight = new.blkio_weight;
    // No limit has to be told, where a limit may have been.
    changed.pids_limit = new.pids_limit.map(|limit| if limit == 0 { -1 } else { limit });
    // What depends on one another is told together.
    if new.nano_cpus != 0 || new.cpu_period != 0 || new.cpu_quota != 0 {
        (changed.nano_cpus, changed.cpu_period, changed.cpu_quota) =
            (all.nano_cpus, all.cpu_period, all.cpu_quota);
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
