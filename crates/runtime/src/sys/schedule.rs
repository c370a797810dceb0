//! When a process gets processor and disk, and what machine it takes this one for.

use std::io;

use super::check;

/// `struct sched_attr` of the kernel, as far as Linux 3.14 had it: no clamping of utilisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct SchedulerAttributes {
    pub(crate) size: u32,
    pub(crate) policy: u32,
    pub(crate) flags: u64,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    pub(crate) runtime_ns: u64,
    pub(crate) deadline_ns: u64,
    pub(crate) period_ns: u64,
}

/// Sets how the process `pid` is scheduled.
pub(crate) fn set_scheduler(pid: i32, attributes: SchedulerAttributes) -> io::Result<()> {
    let attributes = SchedulerAttributes { size: size_of::<SchedulerAttributes>() as u32, ..attributes };
    // SAFETY: the structure lives through the call and holds its own size.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, pid, &raw const attributes, 0) })?;
    Ok(())
}

/// Sets the class and priority of the process `pid` for its input and output, as ioprio_set(2) takes them together.
pub(crate) fn set_io_priority(pid: i32, priority: u16) -> io::Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    // SAFETY: numbers only.
    check(unsafe {
        libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, libc::c_int::from(priority))
    })?;
    Ok(())
}

/// Sets the execution domain of this process.
pub(crate) fn set_personality(domain: libc::c_ulong) -> io::Result<()> {
    // SAFETY: a number only; what changes is what later programs are told of the machine.
    check(unsafe { libc::personality(domain) }.into())?;
    Ok(())
}
