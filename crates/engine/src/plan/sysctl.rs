//! `Sysctls`: only those of namespaces the container has to itself; the others are the host's.

use super::namespace::{Namespaces, Share};
use crate::spec::{HostConfig, Invalid, NetworkMode};
use std::collections::BTreeMap;

/// The kernel settings that are per ipc namespace, beside `fs.mqueue.*`.
const IPC: [&str; 10] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.msg_next_id",
    "kernel.sem_next_id",
];

pub(super) fn plan(
    wanted: &BTreeMap<String, String>,
    host: &HostConfig,
    namespaces: &Namespaces,
) -> Result<Vec<(String, String)>, Invalid> {
    let own_network = !matches!(host.network_mode, NetworkMode::Host | NetworkMode::Container(_));
    let mut settings = Vec::new();
    for (key, value) in wanted {
        let dotted = key.replace('/', ".");
        let allowed = if dotted.starts_with("net.") {
            own_network
        } else if dotted.starts_with("fs.mqueue.") || IPC.contains(&dotted.as_str()) {
            namespaces.ipc == Share::Own
        } else {
            dotted == "kernel.domainname" && namespaces.uts == Share::Own
        };
        if !allowed || dotted.contains("..") {
            return Err(Invalid::Sysctl(key.clone()));
        }
        settings.push((dotted, value.clone()));
    }
    if own_network {
        for (key, value) in runtime::default::sysctls() {
            if !settings.iter().any(|(set, _)| set == key) {
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
        plan(&[(key.to_owned(), "1".to_owned())].into(), &host, &namespaces).is_ok()
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
