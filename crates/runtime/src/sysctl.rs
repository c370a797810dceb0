//! Which kernel parameters belong to a namespace, so that a container may have its own value. Pure.
//!
//! The one list of this kind: whoever judges a request for a parameter asks here.

use std::path::{Component, PathBuf};

/// The namespace a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// System V IPC and POSIX message queues.
    Ipc,
    /// The network stack.
    Network,
    /// Host and domain name.
    Uts,
}

/// The parameters of `ipc/ipc_sysctl.c`, all kept per namespace. The last three, which say which id comes next, are there in
/// kernels with checkpoint and restore only.
const IPC: [&str; 12] = [
    "kernel.auto_msgmni",
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
    "kernel.shm_next_id",
];

/// The namespace that `name` (`net.ipv4.ip_forward`, or with slashes) belongs to; `None` for a parameter of the whole
/// machine, and for what is not a name.
pub fn owner(name: &str) -> Option<Owner> {
    path(name)?;
    let dotted = if is_dotted(name) { name.to_owned() } else { name.replace('/', ".") };
    if dotted.starts_with("net.") {
        Some(Owner::Network)
    } else if dotted.starts_with("fs.mqueue.") || IPC.contains(&dotted.as_str()) {
        Some(Owner::Ipc)
    } else if matches!(dotted.as_str(), "kernel.domainname" | "kernel.hostname") {
        Some(Owner::Uts)
    } else {
        None
    }
}

/// The file beneath `/proc/sys`; `None` if `name` would lead elsewhere.
pub fn path(name: &str) -> Option<PathBuf> {
    let path: PathBuf = if is_dotted(name) {
        // As sysctl(8): a slash in a dotted name stands for a dot, as in the names of VLAN interfaces.
        name.split('.').map(|part| part.replace('/', ".")).collect()
    } else {
        PathBuf::from(name)
    };
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty()).then_some(path)
}

/// The first separator that occurs is the separator.
fn is_dotted(name: &str) -> bool {
    name.find(['.', '/']).is_none_or(|at| name[at..].starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_owner_that_the_kernel_gives_them() {
        for (name, expected) in [
            ("net.ipv4.ip_forward", Some(Owner::Network)),
            ("net/ipv4/conf/eth0.1/forwarding", Some(Owner::Network)),
            ("kernel.shmmax", Some(Owner::Ipc)),
            ("kernel/sem", Some(Owner::Ipc)),
            ("kernel.msg_next_id", Some(Owner::Ipc)),
            ("fs.mqueue.msg_max", Some(Owner::Ipc)),
            ("kernel.domainname", Some(Owner::Uts)),
            ("kernel.core_pattern", None),
            ("kernel.panic", None),
            ("vm.swappiness", None),
            ("", None),
            ("net/../kernel/panic", None),
            ("/net/ipv4", None),
        ] {
            assert_eq!(owner(name), expected, "{name}");
        }
    }

    #[test]
    fn both_separators_lead_to_the_same_file() {
        let expected = Some(PathBuf::from("net/ipv4/conf/eth0.1/forwarding"));
        assert_eq!(path("net.ipv4.conf.eth0/1.forwarding"), expected);
        assert_eq!(path("net/ipv4/conf/eth0.1/forwarding"), expected);
    }
}
