//! The process of the specification: what it runs, as whom, and what it may do.

use std::ffi::CString;
use std::path::PathBuf;

use super::label::Labels;
use super::schedule::Schedule;
use super::{checked_path, invalid};
use crate::Result;
use crate::oci::{self, Capability, PosixRlimitType};

/// The largest user or group id (CVE-2024-40635).
const MAX_ID: u32 = i32::MAX as u32;

/// The container's program and its surroundings.
#[derive(Debug)]
pub(crate) struct Process {
    /// Never empty.
    pub(crate) args: Vec<CString>,
    /// `KEY=value`.
    pub(crate) env: Vec<CString>,
    pub(crate) cwd: PathBuf,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    /// See [`crate::GROUPS_ANNOTATION`].
    pub(crate) group_names: Vec<String>,
    pub(crate) umask: Option<u32>,
    pub(crate) capabilities: Capabilities,
    pub(crate) rlimits: Vec<Rlimit>,
    pub(crate) no_new_privileges: bool,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) labels: Labels,
    pub(crate) schedule: Schedule,
}

/// The five capability sets, bit n for capability n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) bounding: u64,
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
    pub(crate) ambient: u64,
}

/// A resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rlimit {
    /// `RLIMIT_*`.
    pub(crate) resource: u32,
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

impl Process {
    pub(crate) fn new(process: &oci::Process) -> Result<Process> {
        let args = c_strings(process.args().as_deref().unwrap_or_default())?;
        if args.is_empty() {
            return Err(invalid("no command specified"));
        }
        let user = process.user();
        let groups = user.additional_gids().clone().unwrap_or_default();
        let mut ids = groups.iter().copied().chain([user.uid(), user.gid()]);
        if ids.any(|id| id > MAX_ID) {
            return Err(invalid(&crate::user::UserError::Range.to_string()));
        }
        let sets = process.capabilities().as_ref();
        Ok(Process {
            args,
            env: c_strings(process.env().as_deref().unwrap_or_default())?,
            cwd: checked_path(process.cwd())?.to_owned(),
            uid: user.uid(),
            gid: user.gid(),
            groups,
            group_names: Vec::new(),
            umask: user.umask(),
            capabilities: sets.map(capabilities).unwrap_or_default(),
            rlimits: rlimits(process.rlimits().as_deref().unwrap_or_default())?,
            no_new_privileges: process.no_new_privileges() == Some(true),
            oom_score_adj: process.oom_score_adj(),
            labels: Labels::of_process(process)?,
            schedule: Schedule::new(process)?,
        })
    }
}

fn c_strings(texts: &[String]) -> Result<Vec<CString>> {
    texts
        .iter()
        .map(|text| {
            CString::new(text.as_str()).map_err(|_| invalid("an argument or variable holds a NUL byte"))
        })
        .collect()
}

fn capabilities(sets: &oci::LinuxCapabilities) -> Capabilities {
    let bits = |set: &Option<oci::Capabilities>| {
        set.iter().flatten().fold(0, |bits, capability| bits | 1 << number(*capability))
    };
    Capabilities {
        bounding: bits(sets.bounding()),
        effective: bits(sets.effective()),
        permitted: bits(sets.permitted()),
        inheritable: bits(sets.inheritable()),
        ambient: bits(sets.ambient()),
    }
}

/// The sets without the capabilities that this process cannot hand on, because whoever started it has none of them: what we
/// make ourselves does without, other runtimes refuse it.
pub fn available_capabilities(mut sets: oci::LinuxCapabilities) -> oci::LinuxCapabilities {
    let has = |capability: &Capability| {
        crate::sys::process::prctl(libc::PR_CAPBSET_READ, u64::from(number(*capability)))
            .is_ok_and(|answer| answer == 1)
    };
    let available = |set: &Option<oci::Capabilities>| {
        set.as_ref().map(|set| set.iter().copied().filter(has).collect::<oci::Capabilities>())
    };
    let (bounding, effective) = (available(sets.bounding()), available(sets.effective()));
    let (permitted, inheritable) = (available(sets.permitted()), available(sets.inheritable()));
    let ambient = available(sets.ambient());
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    sets.set_inheritable(inheritable).set_ambient(ambient);
    sets
}

/// No type twice: which of them is meant cannot be known.
fn rlimits(limits: &[oci::PosixRlimit]) -> Result<Vec<Rlimit>> {
    for (at, limit) in limits.iter().enumerate() {
        if limits[..at].iter().any(|other| other.typ() == limit.typ()) {
            return Err(invalid(&format!("{} is limited twice", limit.typ())));
        }
    }
    limits.iter().map(rlimit).collect()
}

fn rlimit(limit: &oci::PosixRlimit) -> Result<Rlimit> {
    use nix::sys::resource::Resource;
    if limit.soft() > limit.hard() {
        return Err(invalid(&format!(
            "the soft limit {} of {} is above the hard one {}",
            limit.soft(),
            limit.typ(),
            limit.hard()
        )));
    }
    let limits = Rlimit { resource: 0, soft: limit.soft(), hard: limit.hard() };
    let resource = match limit.typ() {
        PosixRlimitType::RlimitCpu => Resource::RLIMIT_CPU,
        PosixRlimitType::RlimitFsize => Resource::RLIMIT_FSIZE,
        PosixRlimitType::RlimitData => Resource::RLIMIT_DATA,
        PosixRlimitType::RlimitStack => Resource::RLIMIT_STACK,
        PosixRlimitType::RlimitCore => Resource::RLIMIT_CORE,
        PosixRlimitType::RlimitRss => Resource::RLIMIT_RSS,
        PosixRlimitType::RlimitNproc => Resource::RLIMIT_NPROC,
        PosixRlimitType::RlimitNofile => Resource::RLIMIT_NOFILE,
        PosixRlimitType::RlimitMemlock => Resource::RLIMIT_MEMLOCK,
        PosixRlimitType::RlimitAs => Resource::RLIMIT_AS,
        PosixRlimitType::RlimitLocks => Resource::RLIMIT_LOCKS,
        PosixRlimitType::RlimitSigpending => Resource::RLIMIT_SIGPENDING,
        PosixRlimitType::RlimitMsgqueue => Resource::RLIMIT_MSGQUEUE,
        PosixRlimitType::RlimitNice => Resource::RLIMIT_NICE,
        PosixRlimitType::RlimitRtprio => Resource::RLIMIT_RTPRIO,
        // nix has no name for it (include/uapi/asm-generic/resource.h).
        PosixRlimitType::RlimitRttime => return Ok(Rlimit { resource: 15, ..limits }),
    };
    Ok(Rlimit { resource: resource as u32, ..limits })
}

/// The kernel's number of a capability (include/uapi/linux/capability.h).
fn number(capability: Capability) -> u32 {
    match capability {
        Capability::Chown => 0,
        Capability::DacOverride => 1,
        Capability::DacReadSearch => 2,
        Capability::Fowner => 3,
        Capability::Fsetid => 4,
        Capability::Kill => 5,
        Capability::Setgid => 6,
        Capability::Setuid => 7,
        Capability::Setpcap => 8,
        Capability::LinuxImmutable => 9,
        Capability::NetBindService => 10,
        Capability::NetBroadcast => 11,
        Capability::NetAdmin => 12,
        Capability::NetRaw => 13,
        Capability::IpcLock => 14,
        Capability::IpcOwner => 15,
        Capability::SysModule => 16,
        Capability::SysRawio => 17,
        Capability::SysChroot => 18,
        Capability::SysPtrace => 19,
        Capability::SysPacct => 20,
        Capability::SysAdmin => 21,
        Capability::SysBoot => 22,
        Capability::SysNice => 23,
        Capability::SysResource => 24,
        Capability::SysTime => 25,
        Capability::SysTtyConfig => 26,
        Capability::Mknod => 27,
        Capability::Lease => 28,
        Capability::AuditWrite => 29,
        Capability::AuditControl => 30,
        Capability::Setfcap => 31,
        Capability::MacOverride => 32,
        Capability::MacAdmin => 33,
        Capability::Syslog => 34,
        Capability::WakeAlarm => 35,
        Capability::BlockSuspend => 36,
        Capability::AuditRead => 37,
        Capability::Perfmon => 38,
        Capability::Bpf => 39,
        Capability::CheckpointRestore => 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_set_is_dockers() {
        let sets = capabilities(&crate::default::capability_sets(&crate::default::capabilities()));
        assert_eq!(sets.effective, 0xa804_25fb);
        assert_eq!(sets.bounding, sets.permitted);
        assert_eq!(sets.inheritable, 0);
        assert_eq!(sets.ambient, 0);
    }

    #[test]
    fn ids_beyond_the_signed_range_are_refused() {
        let mut process = oci::Process::default();
        process.user_mut().set_uid(1 << 31);
        assert!(Process::new(&process).is_err());
    }
}
