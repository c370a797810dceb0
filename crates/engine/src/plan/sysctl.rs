//! `Sysctls`: only those of namespaces the container has to itself; the others are the host's.

use super::namespace::{Namespaces, Share};
use crate::spec::{HostConfig, Invalid, NetworkMode};
use runtime::sysctl::{self, Owner};
use std::collections::BTreeMap;

/// Needs every group of the host, and a user namespace has only some.
const PING_GROUPS: &str = "net.ipv4.ping_group_range";

pub(super) fn plan(
    wanted: &BTreeMap<String, String>,
    host: &HostConfig,
    namespaces: &Namespaces,
    mapped_users: bool,
) -> Result<Vec<(String, String)>, Invalid> {
    let own_network = !matches!(host.network_mode, NetworkMode::Host | NetworkMode::Container(_));
    let mut settings = Vec::new();
    for (key, value) in wanted {
        let allowed = match sysctl::owner(key) {
            Some(Owner::Network) => own_network,
            Some(Owner::Ipc) => namespaces.ipc == Share::Own,
            Some(Owner::Uts) => namespaces.uts == Share::Own,
            None => false,
        };
        if !allowed || key.contains("..") {
            return Err(Invalid::Sysctl(key.clone()));
        }
        settings.push((key.clone(), value.clone()));
    }
    if own_network {
        for (key, value) in runtime::default::sysctls() {
            let impossible = mapped_users && key == PING_GROUPS;
            if !impossible && !settings.iter().any(|(set, _)| sysctl::path(set) == sysctl::path(key)) {
                settings.push((key.to_owned(), value.to_owned()));
            }
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(key: &str, mode: NetworkMode) -> bool {
        let host = HostConfig { network_mode: mode, ..HostConfig::default() };
        let namespaces = super::super::namespace::plan(&host).unwrap();
        plan(&[(key.to_owned(), "1".to_owned())].into(), &host, &namespaces, false).is_ok()
    }

    #[test]
    fn the_hosts_settings_stay_the_hosts() {
        assert!(allowed("net.core.somaxconn", NetworkMode::Bridge));
        assert!(allowed("kernel.shmmax", NetworkMode::Host));
        for key in ["kernel.core_pattern", "vm.swappiness", "fs.file-max", "net....kernel.core_pattern", ""] {
            assert!(!allowed(key, NetworkMode::Bridge), "{key}");
        }
        assert!(!allowed("net.ipv4.ip_forward", NetworkMode::Host));
    }
}
