//! Namespaces: joining others', finishing our own.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, unshare};

use crate::cgroup::Cgroup;
use crate::plan::{NamespaceKind, Plan};
use crate::sys::open::{Links, open};
use crate::sys::{mount, process};
use crate::{Error, Result};

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

/// Joins the namespaces of others.
pub(super) fn join(namespaces: Vec<(NamespaceKind, OwnedFd)>) -> Result<()> {
    for (kind, namespace) in namespaces {
        process::join(namespace.as_fd(), kind.flag()).map_err(Error::host("join a namespace"))?;
    }
    Ok(())
}

/// Makes what the clone itself could not.
pub(super) fn finish(plan: &Plan) -> Result<()> {
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

/// Makes a time namespace for the children of this process.
pub(super) fn make_time(offsets: &str) -> Result<()> {
    let path = "/proc/self/timens_offsets";
    process::unshare_time().map_err(Error::host("make a time namespace"))?;
    std::fs::write(path, offsets).map_err(Error::path("write", path))
}

/// Host name and domain name.
pub(super) fn set_names(plan: &Plan) -> Result<()> {
    if let Some(name) = &plan.hostname {
        nix::unistd::sethostname(name).map_err(|error| Error::host("set the host name")(error.into()))?;
    }
    if let Some(name) = &plan.domainname {
        process::set_domain_name(name).map_err(Error::host("set the domain name"))?;
    }
    Ok(())
}

/// A procfs of our own that is attached nowhere: no image can put something else in its place (CVE-2025-52881,
/// CVE-2019-16884). Made while the host's is still there, without which some containers may not have one.
pub(super) fn private_procfs() -> Result<OwnedFd> {
    mount::Context::open(c"proc")
        .and_then(|context| context.mount(0))
        .map_err(Error::host("open a private procfs"))
}

/// Kernel parameters of the container's namespaces, through a procfs of our own.
pub(super) fn set_sysctls(plan: &Plan, procfs: BorrowedFd<'_>) -> Result<()> {
    for (name, value) in &plan.sysctls {
        let path = Path::new("sys").join(name);
        open(procfs, &path, libc::O_WRONLY, 0, Links::RefuseAndStay)
            .and_then(|file| File::from(file).write_all(value.as_bytes()))
            .map_err(Error::path("set sysctl", name))?;
    }
    Ok(())
}
