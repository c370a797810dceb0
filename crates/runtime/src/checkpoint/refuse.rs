//! What cannot be frozen, or not be brought back as what it was. Pure.

use crate::cgroup::Version;
use crate::oci::Spec;
use crate::plan::{NamespaceKind, Plan};
use crate::{Error, Result};

/// Whether a container of this specification can be frozen and brought back, where cgroups have `version`.
///
/// # Errors
/// [`Error::NotImplemented`] with what stands in the way.
pub fn check(spec: &Spec, version: Version) -> Result<()> {
    let plan = Plan::new(spec, "")?;
    let own = |flag: libc::c_int| plan.new_namespaces & flag as u64 != 0;
    let has_terminal = spec.process().as_ref().and_then(|process| process.terminal()) == Some(true);
    let obstacle = if version == Version::V1 {
        "a checkpoint on a machine with cgroup version 1"
    } else if has_terminal {
        "a checkpoint of a container with a terminal"
    } else if plan.users.is_some() {
        "a checkpoint of a container with a user namespace"
    } else if !own(libc::CLONE_NEWPID) {
        "a checkpoint of a container without a pid namespace of its own"
    } else if plan.join.iter().any(|(kind, _)| *kind != NamespaceKind::Network) {
        "a checkpoint of a container in another's ipc, uts or cgroup namespace"
    } else {
        return Ok(());
    };
    Err(Error::NotImplemented(obstacle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType};

    fn refused(change: impl FnOnce(&mut Spec)) -> Option<String> {
        let mut spec = Spec::default();
        change(&mut spec);
        check(&spec, Version::V2).err().map(|error| error.to_string())
    }

    fn namespaces(spec: &mut Spec, namespaces: Vec<LinuxNamespace>) {
        let mut linux = spec.linux().clone().unwrap();
        linux.set_namespaces(Some(namespaces));
        spec.set_linux(Some(linux));
    }

    fn namespace(kind: LinuxNamespaceType, path: Option<&str>) -> LinuxNamespace {
        let builder = LinuxNamespaceBuilder::default().typ(kind);
        match path {
            Some(path) => builder.path(path),
            None => builder,
        }
        .build()
        .unwrap()
    }

    #[test]
    fn only_what_can_come_back_is_frozen() {
        assert_eq!(refused(|_| ()), None);
        let terminal = refused(|spec| {
            spec.process_mut().as_mut().unwrap().set_terminal(Some(true));
        });
        assert!(terminal.unwrap().contains("terminal"));
        let mount = || namespace(LinuxNamespaceType::Mount, None);
        // The specification has a host name, which belongs to one.
        let uts = || namespace(LinuxNamespaceType::Uts, None);
        let shared = refused(|spec| namespaces(spec, vec![mount(), uts()]));
        assert!(shared.unwrap().contains("pid namespace"));
        let pid = || namespace(LinuxNamespaceType::Pid, None);
        let ipc = namespace(LinuxNamespaceType::Ipc, Some("/proc/7/ns/ipc"));
        let joined = refused(|spec| namespaces(spec, vec![mount(), uts(), pid(), ipc]));
        assert!(joined.unwrap().contains("another's ipc"));
        let network = namespace(LinuxNamespaceType::Network, Some("/proc/7/ns/net"));
        assert_eq!(refused(|spec| namespaces(spec, vec![mount(), uts(), pid(), network])), None);
        let spec = Spec::default();
        assert!(check(&spec, Version::V1).unwrap_err().to_string().contains("cgroup version 1"));
    }
}
