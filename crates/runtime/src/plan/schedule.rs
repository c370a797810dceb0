//! Scheduling of the processor and of disks, and on which processors.

use nix::sched::CpuSet;

use super::invalid;
use crate::Result;
use crate::oci::{self, IOPriorityClass, LinuxSchedulerFlag, LinuxSchedulerPolicy};
use crate::sys::schedule::SchedulerAttributes;

/// The class stands above so many bits of priority (include/uapi/linux/ioprio.h).
const IO_CLASS_SHIFT: u16 = 13;
const IO_PRIORITIES: std::ops::RangeInclusive<i64> = 0..=7;
const NICE: std::ops::RangeInclusive<i32> = -20..=19;
const REAL_TIME: std::ops::RangeInclusive<i32> = 1..=99;

/// What is asked for; by default nothing.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) scheduler: Option<SchedulerAttributes>,
    /// Class and priority together.
    pub(crate) io_priority: Option<u16>,
    /// Of an additional process only: the processors it begins on, and those it runs on.
    pub(crate) first_cpus: Option<CpuSet>,
    pub(crate) cpus: Option<CpuSet>,
}

impl Schedule {
    /// Checks what a process asks for.
    pub(super) fn new(process: &oci::Process) -> Result<Schedule> {
        let affinity = process.exec_cpu_affinity().as_ref();
        let first = affinity.and_then(|affinity| affinity.initial().as_deref());
        let last = affinity.and_then(|affinity| affinity.cpu_affinity_final().as_deref());
        Ok(Schedule {
            scheduler: process.scheduler().as_ref().map(scheduler).transpose()?,
            io_priority: process.io_priority().as_ref().map(io_priority).transpose()?,
            first_cpus: first.map(cpus).transpose()?,
            cpus: last.map(cpus).transpose()?,
        })
    }
}

fn scheduler(scheduler: &oci::Scheduler) -> Result<SchedulerAttributes> {
    let (mut attributes, policy) = (SchedulerAttributes::default(), *scheduler.policy());
    let (nice, priority) = (scheduler.nice().unwrap_or(0), scheduler.priority().unwrap_or(0));
    let times =
        [*scheduler.runtime(), *scheduler.deadline(), *scheduler.period()].map(Option::unwrap_or_default);
    let refuse = |what: &str| Err(invalid(&format!("the scheduler {policy} takes {what}")));
    attributes.policy = match policy {
        LinuxSchedulerPolicy::SchedOther => libc::SCHED_OTHER,
        LinuxSchedulerPolicy::SchedFifo => libc::SCHED_FIFO,
        LinuxSchedulerPolicy::SchedRr => libc::SCHED_RR,
        LinuxSchedulerPolicy::SchedBatch => libc::SCHED_BATCH,
        LinuxSchedulerPolicy::SchedIdle => libc::SCHED_IDLE,
        LinuxSchedulerPolicy::SchedDeadline => libc::SCHED_DEADLINE,
        LinuxSchedulerPolicy::SchedIso => return Err(invalid("Linux has never had the scheduler SCHED_ISO")),
    } as u32;
    let is_fair = matches!(policy, LinuxSchedulerPolicy::SchedOther | LinuxSchedulerPolicy::SchedBatch);
    let is_real_time = matches!(policy, LinuxSchedulerPolicy::SchedFifo | LinuxSchedulerPolicy::SchedRr);
    let is_deadline = policy == LinuxSchedulerPolicy::SchedDeadline;
    if nice != 0 && !(is_fair && NICE.contains(&nice)) {
        return refuse("no such nice value");
    }
    if is_real_time != REAL_TIME.contains(&priority) || !is_real_time && priority != 0 {
        return refuse("no such priority");
    }
    if !is_deadline && times != [0; 3] {
        return refuse("no runtime, deadline and period");
    }
    attributes.nice = nice;
    attributes.priority = priority.unsigned_abs();
    [attributes.runtime_ns, attributes.deadline_ns, attributes.period_ns] = times;
    for flag in scheduler.flags().iter().flatten() {
        attributes.flags |= match flag {
            LinuxSchedulerFlag::SchedResetOnFork => libc::SCHED_FLAG_RESET_ON_FORK,
            LinuxSchedulerFlag::SchedFlagReclaim => libc::SCHED_FLAG_RECLAIM,
            LinuxSchedulerFlag::SchedFlagDLOverrun => libc::SCHED_FLAG_DL_OVERRUN,
            LinuxSchedulerFlag::SchedFlagKeepPolicy => libc::SCHED_FLAG_KEEP_POLICY,
            LinuxSchedulerFlag::SchedFlagKeepParams => libc::SCHED_FLAG_KEEP_PARAMS,
            LinuxSchedulerFlag::SchedFlagUtilClampMin | LinuxSchedulerFlag::SchedFlagUtilClampMax => {
                return Err(invalid("the specification has no value to clamp the utilisation to"));
            }
        } as u64;
    }
    Ok(attributes)
}

fn io_priority(io: &oci::LinuxIOPriority) -> Result<u16> {
    let class = match io.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    if !IO_PRIORITIES.contains(&io.priority()) {
        return Err(invalid(&format!("the priority {} of ioPriority is not from 0 to 7", io.priority())));
    }
    Ok(class << IO_CLASS_SHIFT | io.priority() as u16)
}

/// `0-3,7`.
fn cpus(list: &str) -> Result<CpuSet> {
    let bad = || invalid(&format!("{list:?} is not a list of processors"));
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| bad());
    let mut set = CpuSet::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        if last < first || last >= CpuSet::count() {
            return Err(bad());
        }
        (first..=last).try_for_each(|cpu| set.set(cpu)).map_err(|_| bad())?;
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: serde_json::Value) -> Result<SchedulerAttributes> {
        scheduler(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn each_policy_takes_its_own_numbers_and_no_others() {
        let deadline = parse(serde_json::json!({
            "policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 2_000_000, "period": 3_000_000,
        }));
        let deadline = deadline.unwrap();
        assert_eq!((deadline.policy, deadline.runtime_ns, deadline.period_ns), (6, 1_000_000, 3_000_000));
        assert_eq!(parse(serde_json::json!({"policy": "SCHED_BATCH", "nice": -5})).unwrap().nice, -5);
        assert_eq!(parse(serde_json::json!({"policy": "SCHED_RR", "priority": 50})).unwrap().priority, 50);
        for bad in [
            serde_json::json!({"policy": "SCHED_FIFO"}),
            serde_json::json!({"policy": "SCHED_FIFO", "priority": 100}),
            serde_json::json!({"policy": "SCHED_OTHER", "priority": 1}),
            serde_json::json!({"policy": "SCHED_OTHER", "nice": 20}),
            serde_json::json!({"policy": "SCHED_RR", "priority": 1, "nice": 1}),
            serde_json::json!({"policy": "SCHED_BATCH", "runtime": 1}),
            serde_json::json!({"policy": "SCHED_ISO"}),
        ] {
            assert!(parse(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn processors_are_lists_of_ranges() {
        let set = cpus("0-2,7").unwrap();
        let chosen: Vec<usize> = (0..10).filter(|cpu| set.is_set(*cpu).unwrap()).collect();
        assert_eq!(chosen, [0, 1, 2, 7]);
        for bad in ["", "a", "3-1", "1-", "100000"] {
            assert!(cpus(bad).is_err(), "{bad}");
        }
    }
}
