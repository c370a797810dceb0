//! Which capabilities the container gets: Docker's default, what is added, what is dropped, or all.

use crate::spec::{HostConfig, Invalid};
use runtime::oci::{Capabilities, Capability};
use std::str::FromStr;

/// Every capability of the kernel, by Linux' numbering.
const ALL: [Capability; 41] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

/// Every capability, for what is privileged.
pub(crate) fn every_capability() -> Capabilities {
    ALL.into_iter().collect()
}

/// The set by `CapAdd`, `CapDrop` and `Privileged`; `ALL` on either side stands for every capability.
pub(super) fn plan(host: &HostConfig) -> Result<Capabilities, Invalid> {
    if host.privileged {
        return Ok(every_capability());
    }
    let add = Words::parse("CapAdd", &host.cap_add)?;
    let drop = Words::parse("CapDrop", &host.cap_drop)?;
    let start: Capabilities = match (add.all, drop.all) {
        (true, _) => every_capability(),
        (false, true) => Capabilities::default(),
        (false, false) => runtime::default::capabilities(),
    };
    // Docker's order: with ALL dropped, what is added by name stays; else a name dropped wins over one added.
    let mut set: Capabilities =
        if drop.all && !add.all { add.named } else { start.union(&add.named).copied().collect() };
    set.retain(|capability| !drop.named.contains(capability));
    Ok(set)
}

struct Words {
    all: bool,
    named: Capabilities,
}

impl Words {
    fn parse(field: &'static str, words: &[String]) -> Result<Words, Invalid> {
        let mut parsed = Words { all: false, named: Capabilities::default() };
        for word in words {
            let upper = word.to_ascii_uppercase();
            let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
            if bare == "ALL" {
                parsed.all = true;
                continue;
            }
            let capability = Capability::from_str(bare)
                .map_err(|_| Invalid::Capability { field, name: format!("CAP_{bare}") })?;
            parsed.named.insert(capability);
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(add: &[&str], drop: &[&str]) -> Result<Capabilities, Invalid> {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        plan(&HostConfig { cap_add: own(add), cap_drop: own(drop), ..HostConfig::default() })
    }

    #[test]
    fn dockers_arithmetic() {
        assert_eq!(set(&[], &[]).unwrap(), runtime::default::capabilities());
        assert!(set(&["net_admin"], &[]).unwrap().contains(&Capability::NetAdmin));
        assert!(!set(&[], &["CAP_CHOWN"]).unwrap().contains(&Capability::Chown));
        assert_eq!(set(&["SYS_TIME"], &["ALL"]).unwrap(), [Capability::SysTime].into_iter().collect());
        assert_eq!(set(&["ALL"], &["CAP_SYS_ADMIN"]).unwrap().len(), ALL.len() - 1);
        assert!(set(&[], &["ALL"]).unwrap().is_empty());
        assert_eq!(set(&["FLY"], &[]), Err(Invalid::Capability { field: "CapAdd", name: "CAP_FLY".into() }));
    }
}
