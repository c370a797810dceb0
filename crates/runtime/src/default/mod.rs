//! Docker's defaults as OCI types, for whoever writes a `config.json`.
//!
//! Pure: no input but arguments, no IO.

mod device;
mod mount;
mod seccomp;

use crate::oci::{Capabilities, Capability, LinuxCapabilities};

pub use device::{device_rules, devices};
pub use mount::{masked_paths, mounts, readonly_paths};
pub use seccomp::seccomp;

/// The capabilities of an ordinary container, `00000000a80425fb`.
pub fn capabilities() -> Capabilities {
    [
        Capability::Chown,
        Capability::DacOverride,
        Capability::Fsetid,
        Capability::Fowner,
        Capability::Mknod,
        Capability::NetRaw,
        Capability::Setgid,
        Capability::Setuid,
        Capability::Setfcap,
        Capability::Setpcap,
        Capability::NetBindService,
        Capability::SysChroot,
        Capability::Kill,
        Capability::AuditWrite,
    ]
    .into_iter()
    .collect()
}

/// The five sets of a process from one: bounding, effective and permitted; inheritable and ambient stay empty
/// (CVE-2022-24769).
pub fn capability_sets(capabilities: &Capabilities) -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(capabilities.clone()))
        .set_effective(Some(capabilities.clone()))
        .set_permitted(Some(capabilities.clone()))
        .set_inheritable(None)
        .set_ambient(None);
    sets
}

/// Kernel parameters that Docker sets in a container with a network namespace of its own: any user may listen on
/// any port and send echo requests.
pub fn sysctls() -> [(&'static str, &'static str); 2] {
    [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")]
}
