//! Namespaces: joining others', finishing our own.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};

use crate::cgroup::Cgroup;
use crate::plan::{NamespaceKind, Plan};
use crate::sys::open::{Links, open};
use crate::sys::{mount, process};
use crate::{Error, Extra, Result};

/// The kernel kills this process when the one that cloned it dies.
pub(super) fn die_with_parent() -> Result<()> {
    process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64)
        .map(drop)
        .map_err(Error::host("tie the container to its parent"))
}

/// What comes before any namespace: out of the caller's session and keyring, and into the cgroup.
pub(super) fn begin(cgroup: &Cgroup, new_keyring: bool) -> Result<()> {
    // Processes of a joined pid namespace must not look into this one, which still holds the host's descriptors.
    process::prctl(libc::PR_SET_DUMPABLE, 0).map_err(Error::host("hide the clone"))?;
    nix::unistd::setsid().map_err(|error| Error::host("begin a session")(error.into()))?;
    if new_keyring {
        process::join_new_keyring().map_err(Error::host("begin a keyring"))?;
    }
    cgroup.enter()
}

/// Joins and makes what the clone itself could not.
pub(super) fn enter(
    plan: &Plan,
    join: Vec<(NamespaceKind, OwnedFd)>,
    cgroup: &Cgroup,
    extra: Extra,
) -> Result<()> {
    begin(cgroup, !extra.no_new_keyring)?;
    for (kind, namespace) in join {
        // A pid namespace is joined by the caller: it takes effect for children only.
        if kind != NamespaceKind::Pid {
            setns(namespace.as_fd(), CloneFlags::from_bits_truncate(kind.flag()))
                .map_err(|error| Error::host("join a namespace")(error.into()))?;
        }
    }
    if plan.new_cgroup_namespace {
        // Only here, in the cgroup, so that the cgroup is the namespace's root.
        unshare(CloneFlags::CLONE_NEWCGROUP)
            .map_err(|error| Error::host("make a cgroup namespace")(error.into()))?;
    }
    if plan.new_namespaces & libc::CLONE_NEWNET as u64 != 0 {
        process::raise_loopback().map_err(Error::host("set the loopback interface up"))?;
    }
    Ok(())
}

/// Host name and domain name.
pub(super) fn set_names(plan: &Plan) -> Result<()> {
    if let Some(name) = &plan.hostname {
        nix::unistd::sethostname(name).map_err(|error| Error::host("set the host name")(error.into()))?;
    }
    if let Some(name) = &plan.domainname {
        write_sysctl(&[(Path::new("kernel/domainname").to_owned(), name.clone())])?;
    }
    Ok(())
}

/// Kernel parameters of the container's namespaces.
pub(super) fn set_sysctls(plan: &Plan) -> Result<()> {
    if plan.sysctls.is_empty() {
        return Ok(());
    }
    write_sysctl(&plan.sysctls)
}

/// Writes through a procfs of our own that is attached nowhere: no image can put something else in its
/// place (CVE-2025-52881, CVE-2019-16884).
fn write_sysctl(values: &[(std::path::PathBuf, String)]) -> Result<()> {
    let procfs = mount::Context::open(c"proc")
        .and_then(|context| context.mount(0))
        .map_err(Error::host("open a private procfs"))?;
    for (name, value) in values {
        let path = Path::new("sys").join(name);
        open(procfs.as_fd(), &path, libc::O_WRONLY, 0, Links::RefuseAndStay)
            .and_then(|file| File::from(file).write_all(value.as_bytes()))
            .map_err(Error::path("set sysctl", name))?;
    }
    Ok(())
}
