//! What a specification may ask for and this runtime does not do: refused by name, never ignored.

use crate::oci::{Linux, Process, Spec};
use crate::{Error, Result};

/// Refuses what is set and not implemented.
pub(super) fn unsupported(spec: &Spec) -> Result<()> {
    let mut checks =
        vec![(spec.uid_mappings().is_some(), "uidMappings"), (spec.gid_mappings().is_some(), "gidMappings")];
    if let Some(process) = spec.process() {
        checks.extend(of_process(process));
    }
    if let Some(linux) = spec.linux() {
        checks.extend(of_linux(linux));
    }
    match checks.into_iter().find(|(asked, _)| *asked) {
        Some((_, name)) => Err(Error::NotImplemented(name)),
        None => Ok(()),
    }
}

fn of_process(process: &Process) -> [(bool, &'static str); 5] {
    let set = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
    [
        (set(process.apparmor_profile()), "process.apparmorProfile"),
        (set(process.selinux_label()), "process.selinuxLabel"),
        (process.io_priority().is_some(), "process.ioPriority"),
        (process.scheduler().is_some(), "process.scheduler"),
        (process.exec_cpu_affinity().is_some(), "process.execCPUAffinity"),
    ]
}

fn of_linux(linux: &Linux) -> [(bool, &'static str); 5] {
    [
        (linux.net_devices().is_some(), "linux.netDevices"),
        (linux.mount_label().as_ref().is_some_and(|l| !l.is_empty()), "linux.mountLabel"),
        (linux.intel_rdt().is_some(), "linux.intelRdt"),
        (linux.memory_policy().is_some(), "linux.memoryPolicy"),
        (linux.personality().is_some(), "linux.personality"),
    ]
}
