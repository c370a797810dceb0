//! What a specification may ask for and this runtime does not do: refused by name, never ignored.

use crate::oci::{Linux, Spec};
use crate::{Error, Result};

/// Refuses what is set and not implemented.
pub(super) fn unsupported(spec: &Spec) -> Result<()> {
    let mut checks =
        vec![(spec.uid_mappings().is_some(), "uidMappings"), (spec.gid_mappings().is_some(), "gidMappings")];
    if let Some(linux) = spec.linux() {
        checks.extend(of_linux(linux));
    }
    match checks.into_iter().find(|(asked, _)| *asked) {
        Some((_, name)) => Err(Error::NotImplemented(name)),
        None => Ok(()),
    }
}

fn of_linux(linux: &Linux) -> [(bool, &'static str); 3] {
    [
        (linux.net_devices().is_some(), "linux.netDevices"),
        (linux.intel_rdt().is_some(), "linux.intelRdt (cache and bandwidth allocation)"),
        (linux.memory_policy().is_some(), "linux.memoryPolicy"),
    ]
}
