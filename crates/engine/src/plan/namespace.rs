//! Which namespaces are the container's own.

use crate::spec::{HostConfig, Invalid, NamespaceMode};

/// Where each namespace comes from, the network's apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespaces {
    pub(crate) ipc: Share,
    pub(crate) pid: Share,
    pub(crate) uts: Share,
    /// `Default` until the machine's cgroup version decides.
    pub(crate) cgroup: NamespaceMode,
    /// Whether there is a `/dev/shm`.
    pub(crate) shm: bool,
}

/// Where one namespace comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Share {
    Own,
    Host,
    Container(String),
}

pub(super) fn plan(host: &HostConfig) -> Result<Namespaces, Invalid> {
    let wrong = |field, mode: &NamespaceMode| Err(Invalid::Mode { field, value: mode.to_string() });
    let ipc = match &host.ipc_mode {
        NamespaceMode::Default | NamespaceMode::Private | NamespaceMode::None | NamespaceMode::Shareable => {
            Share::Own
        }
        NamespaceMode::Host => Share::Host,
        NamespaceMode::Container(name) => Share::Container(name.clone()),
    };
    let pid = match &host.pid_mode {
        NamespaceMode::Default => Share::Own,
        NamespaceMode::Host => Share::Host,
        NamespaceMode::Container(name) => Share::Container(name.clone()),
        mode => return wrong("PID mode", mode),
    };
    let uts = match &host.uts_mode {
        NamespaceMode::Default => Share::Own,
        NamespaceMode::Host => Share::Host,
        mode => return wrong("UTS mode", mode),
    };
    match &host.cgroupns_mode {
        NamespaceMode::Default | NamespaceMode::Private | NamespaceMode::Host => {}
        mode => return wrong("cgroup namespace mode", mode),
    }
    let shm = host.ipc_mode != NamespaceMode::None;
    Ok(Namespaces { ipc, pid, uts, cgroup: host.cgroupns_mode.clone(), shm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_has_its_own_words() {
        let with = |field: &str, mode: &str| {
            let mode: NamespaceMode = mode.parse().unwrap();
            let mut host = HostConfig::default();
            match field {
                "ipc" => host.ipc_mode = mode,
                "pid" => host.pid_mode = mode,
                "uts" => host.uts_mode = mode,
                _ => host.cgroupns_mode = mode,
            }
            plan(&host)
        };
        for (field, good) in [
            ("ipc", "host"),
            ("ipc", "none"),
            ("ipc", "shareable"),
            ("ipc", "container:x"),
            ("pid", "container:x"),
            ("uts", "host"),
            ("cg", "private"),
        ] {
            assert!(with(field, good).is_ok(), "{field} {good}");
        }
        for (field, bad) in [("pid", "private"), ("uts", "private"), ("uts", "container:x"), ("cg", "none")] {
            assert!(with(field, bad).is_err(), "{field} {bad}");
        }
    }
}
