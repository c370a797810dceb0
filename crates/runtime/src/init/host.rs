//! What the container needs of the machine, opened while its tree is there and with its privilege.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use super::staging::Staging;
use super::users::UserNamespace;
use super::{Surroundings, cgroupfs, foreign, root, source};
use crate::memory;
use crate::plan::{Kind, Mount, NamespaceKind, Owners};
use crate::sys::mount::set_idmap;
use crate::view::clone_source;
use crate::{Error, Result, Rootfs};

/// Mounts that are attached nowhere yet.
pub(crate) struct Pinned {
    pub(super) root: OwnedFd,
    /// For each mount of the plan: the clone of a bind's source, or the machine's own instance of a file system
    /// that the container may not have one of.
    pub(super) trees: Vec<Option<OwnedFd>>,
    /// For each device of the plan, if the container cannot make it.
    pub(super) devices: Vec<OwnedFd>,
    pub(super) cgroups: cgroupfs::Pinned,
    /// Files that are on no disk, and where they belong.
    pub(super) memory: Vec<(PathBuf, OwnedFd)>,
}

/// Opens all of it. `users`: the container's own.
pub(super) fn pin(surroundings: &Surroundings<'_>, users: Option<&UserNamespace>) -> Result<Pinned> {
    let plan = surroundings.plan;
    if plan.root_propagation != libc::MS_SHARED {
        // A clone then takes over that it is a slave; a shared one must be cloned before the tree is separated.
        separate()?;
    }
    let pinned = plan.mounts.iter().map(|mount| pin_tree(surroundings, mount, users));
    let mut trees = pinned.collect::<Result<Vec<_>>>()?;
    make_trees(surroundings, users, &mut trees)?;
    let memory = pin_memory(surroundings)?;
    let wants_cgroups = plan.mounts.iter().any(|mount| mount.kind == Kind::Cgroup);
    let cgroups =
        if wants_cgroups { cgroupfs::pin(surroundings.cgroup)? } else { cgroupfs::Pinned::default() };
    let place = surroundings.place();
    let label = plan.process.labels.mounts.as_deref();
    let options = root::OverlayOptions { volatile: plan.volatile, label };
    let (root, devices) = match users {
        None => (root::make(surroundings.rootfs, place, options, None)?, Vec::new()),
        Some(users) => {
            // A root as it is must be had before it is covered.
            let plain = match surroundings.rootfs {
                Rootfs::Path(path) => Some(root::plain(path)?),
                Rootfs::Overlay { .. } => None,
            };
            let staging = Staging::new(place, users)?;
            let make = || root::make(surroundings.rootfs, place, options, Some(&staging));
            (plain.map_or_else(make, Ok)?, staging.devices(&plan.devices)?)
        }
    };
    Ok(Pinned { root, trees, devices, cgroups, memory })
}

/// What the machine has to put together, over the root's place: nothing of it must spread to where the host sees it.
fn make_trees(
    surroundings: &Surroundings<'_>,
    users: Option<&UserNamespace>,
    trees: &mut [Option<OwnedFd>],
) -> Result<()> {
    let mounts = &surroundings.plan.mounts;
    if !mounts.iter().any(Mount::is_by_machine) {
        return Ok(());
    }
    separate()?;
    for (mount, tree) in mounts.iter().zip(trees).filter(|(mount, _)| mount.is_by_machine()) {
        *tree = source::make_for(mount, surroundings.place(), users)?;
    }
    Ok(())
}

/// Nothing that is mounted from here on spreads to where the host sees it.
fn separate() -> Result<()> {
    mount(None::<&Path>, "/", None::<&Path>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&Path>)
        .map_err(|error| Error::host("separate the mount namespace")(error.into()))
}

/// Each file of the container's memory as a mount of its own.
fn pin_memory(surroundings: &Surroundings<'_>) -> Result<Vec<(PathBuf, OwnedFd)>> {
    let Some(memory) = &surroundings.memory else {
        return Ok(Vec::new());
    };
    separate()?;
    let names: Vec<PathBuf> = (0..memory.targets.len()).map(|index| memory::name(index).into()).collect();
    let trees = source::parts(&memory.tree, &names, surroundings.place())
        .map_err(Error::host("take files from memory"))?;
    Ok(memory.targets.iter().cloned().zip(trees).collect())
}

fn pin_tree(
    surroundings: &Surroundings<'_>,
    mount: &Mount,
    users: Option<&UserNamespace>,
) -> Result<Option<OwnedFd>> {
    let plan = surroundings.plan;
    match &mount.kind {
        Kind::Bind { source, recursive, subpath, owners, guest } => {
            let source = surroundings.hooked.bundle.join(source);
            let tree = pin_source(&source, subpath, *recursive, *guest)?;
            if let Some(owners) = owners {
                map_owners(&tree, owners, users)?;
            }
            Ok(Some(tree))
        }
        Kind::FileSystem { name, .. } if plan.users.is_some() => {
            let (kind, path) = match name.to_bytes() {
                b"sysfs" => (NamespaceKind::Network, "/sys"),
                b"proc" => (NamespaceKind::Pid, "/proc"),
                b"mqueue" => (NamespaceKind::Ipc, "/dev/mqueue"),
                _ => return Ok(None),
            };
            // Of a namespace that the container does not own it may not mount it. Processes of the host are never shown
            // for those of a namespace that is joined: that one belongs to the users that are joined with it.
            let made = plan.new_namespaces & kind.flag() as u64 != 0;
            let own = made || kind == NamespaceKind::Pid && plan.has_own(kind);
            Ok(if own { None } else { clone_source(Path::new(path), Path::new(""), true).ok() })
        }
        Kind::FileSystem { .. } | Kind::Host { .. } | Kind::Layers { .. } | Kind::Cgroup | Kind::Remount => {
            Ok(None)
        }
    }
}

fn pin_source(source: &Path, subpath: &Path, recursive: bool, guest: bool) -> Result<OwnedFd> {
    let cloned = match foreign::split(source) {
        // Its links could lead to the host's files.
        Some((pid, inside)) if guest => foreign::clone_mount(pid, &inside.join(subpath), recursive),
        there => match (clone_source(source, subpath, recursive), there) {
            (Err(error), Some((pid, inside))) if error.raw_os_error() == Some(libc::EINVAL) => {
                foreign::clone_mount(pid, &inside.join(subpath), recursive)
            }
            (cloned, _) => cloned,
        },
    };
    cloned.map_err(|error| match error.raw_os_error() {
        // Docker's words.
        Some(libc::ENOENT) if subpath.as_os_str().is_empty() => {
            Error::Invalid(format!("bind source path does not exist: {}", source.display()))
        }
        Some(libc::ENOENT) => {
            let path = source.join(subpath);
            Error::Invalid(format!("cannot access path {}: no such file or directory", path.display()))
        }
        _ => Error::path("clone bind source", source.join(subpath))(error),
    })
}

fn map_owners(tree: &OwnedFd, owners: &Owners, users: Option<&UserNamespace>) -> Result<()> {
    let made;
    let users = match (&owners.maps, users) {
        (Some(maps), _) => {
            made = UserNamespace::new(maps)?;
            made.as_fd()
        }
        (None, Some(users)) => users.as_fd(),
        (None, None) => {
            let words =
                "a mount with the option idmap needs maps of its own, or a container with a user namespace";
            return Err(Error::Invalid(words.to_owned()));
        }
    };
    set_idmap(tree.as_fd(), owners.recursive, users).map_err(Error::host("id-map a bind source"))
}

/// How readily the kernel kills this process and those it makes when memory is short.
pub(super) fn set_oom_score(score: Option<i32>) -> Result<()> {
    let Some(score) = score else {
        return Ok(());
    };
    let path = "/proc/self/oom_score_adj";
    match fs::write(path, score.to_string()) {
        // Below what was inherited takes CAP_SYS_RESOURCE, which not every environment has.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other.map_err(Error::path("write", path)),
    }
}
