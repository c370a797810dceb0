//! The mounts of the specification, in their order.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::stat::{SFlag, fstat};

use super::copy_up::copy_up;
use super::host::Pinned;
use super::{cgroupfs, device, namespace, target};
use crate::cgroup::Cgroup;
use crate::plan::{Kind, Mount, Plan};
use crate::sys::mount::{Attributes, Context, attach, set_attributes};
use crate::sys::open::{Links, open};
use crate::{Error, Result};

/// Mounts that later steps work with directly, past any path.
#[derive(Default)]
pub(super) struct Mounted {
    /// The tmpfs that was mounted on `/dev`.
    pub(super) dev: Option<OwnedFd>,
    /// The devpts that was mounted on `/dev/pts`.
    pub(super) devpts: Option<OwnedFd>,
    /// For each device of the plan, if the container cannot make it.
    pub(super) devices: Vec<OwnedFd>,
    /// `/dev` was asked for read-only: it becomes so when everything is in it.
    dev_readonly: bool,
}

impl Mounted {
    /// Makes read-only what had to be written to until now.
    pub(super) fn close_writable(&self) -> Result<()> {
        match &self.dev {
            Some(dev) if self.dev_readonly => {
                let readonly = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
                set_attributes(dev.as_fd(), false, readonly).map_err(Error::host("make /dev read-only"))
            }
            _ => Ok(()),
        }
    }
}

/// Makes what has to be made while the host's mounts are still there: the kernel lets a container with users of its own
/// have a procfs or sysfs only where it already sees one. Also gives a procfs to write kernel parameters through, if
/// there are any.
pub(super) fn make_early(plan: &Plan, mut pinned: Pinned) -> Result<(Pinned, Option<OwnedFd>)> {
    for (mount, tree) in plan.mounts.iter().zip(&mut pinned.trees) {
        let Kind::FileSystem { name, .. } = &mount.kind else {
            continue;
        };
        if matches!(name.to_bytes(), b"proc" | b"sysfs" | b"mqueue") {
            *tree = match (make_file_system(plan, mount, mount.attributes, None), tree.take()) {
                // Of a namespace that is not its users' it may have none of its own.
                (Err(Error::Path { source, .. }), Some(hosts))
                    if source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    Some(hosts)
                }
                (made, _) => Some(made?),
            };
        }
    }
    let procfs = if plan.sysctls.is_empty() { None } else { Some(namespace::private_procfs()?) };
    Ok((pinned, procfs))
}

/// Makes all mounts beneath the root, which is given back.
pub(super) fn mount_all(plan: &Plan, pinned: Pinned, cgroup: &Cgroup) -> Result<(OwnedFd, Mounted)> {
    let root = pinned.root.as_fd();
    let mut mounted = Mounted { devices: pinned.devices, ..Mounted::default() };
    let mut cgroups = Some(pinned.cgroups);
    let mut dev_is_mounted = false;
    for (mount, tree) in plan.mounts.iter().zip(pinned.trees) {
        dev_is_mounted |= mount.destination == Path::new("/dev");
        match (&mount.kind, tree) {
            (Kind::Bind { .. } | Kind::Host { .. } | Kind::Layers { .. }, Some(tree)) => {
                attach_bind(mount, tree, root)?
            }
            (Kind::Bind { .. } | Kind::Host { .. } | Kind::Layers { .. }, None) => {}
            (Kind::Cgroup, _) => {
                let pinned = cgroups.take().unwrap_or_default();
                cgroupfs::mount(mount, pinned, cgroup, root)?;
            }
            (Kind::Remount, _) => change(mount, root)?,
            (Kind::FileSystem { .. }, tree) => mount_file_system(plan, mount, tree, root, &mut mounted)?,
        }
    }
    if !dev_is_mounted {
        let dev = target::open_or_make_plain(root, Path::new("/dev"), target::Make::Dir)?;
        device::populate(plan, dev.as_fd(), &mounted.devices)?;
    }
    for (target, tree) in pinned.memory {
        attach_memory(&target, tree, root)?;
    }
    Ok((pinned.root, mounted))
}

/// A file in memory over whatever is there, for nobody to write to.
fn attach_memory(target: &Path, tree: OwnedFd, root: BorrowedFd<'_>) -> Result<()> {
    if ["/proc", "/sys"].iter().any(|kernels| target.starts_with(kernels)) {
        return Err(Error::Invalid(format!(
            "{} is the kernel's: no file can be put there",
            target.display()
        )));
    }
    let place = open_place(root, target, target::Make::File)?;
    let attributes = Attributes {
        set: libc::MOUNT_ATTR_RDONLY
            | libc::MOUNT_ATTR_NOSUID
            | libc::MOUNT_ATTR_NODEV
            | libc::MOUNT_ATTR_NOEXEC,
        propagation: libc::MS_PRIVATE,
        ..Attributes::default()
    };
    set_attributes(tree.as_fd(), false, attributes).map_err(failed(target))?;
    attach(tree.as_fd(), place.as_fd()).map_err(failed(target))
}

fn mount_file_system(
    plan: &Plan,
    mount: &Mount,
    tree: Option<OwnedFd>,
    root: BorrowedFd<'_>,
    mounted: &mut Mounted,
) -> Result<()> {
    let destination = &mount.destination;
    let is_dev = destination == Path::new("/dev");
    let is_tmpfs = matches!(&mount.kind, Kind::FileSystem { name, .. } if name.to_bytes() == b"tmpfs");
    let make = if is_tmpfs { target::Make::Scratch } else { target::Make::Dir };
    let place = open_place(root, destination, make)?;
    let mut attributes = mount.attributes;
    if is_dev && attributes.set & libc::MOUNT_ATTR_RDONLY != 0 {
        attributes.set &= !libc::MOUNT_ATTR_RDONLY;
        mounted.dev_readonly = true;
    }
    let copies_up = matches!(&mount.kind, Kind::FileSystem { copy_up: true, .. });
    let tree = match tree {
        Some(tree) => tree,
        None if copies_up => make_file_system(plan, mount, Attributes::default(), Some(place.as_fd()))?,
        None => make_file_system(plan, mount, attributes, Some(place.as_fd()))?,
    };
    if copies_up {
        copy_up(place.as_fd(), tree.as_fd()).map_err(Error::path("copy into", destination))?;
    }
    finish(&tree, place.as_fd(), attributes, mount)?;
    if is_dev {
        device::populate(plan, tree.as_fd(), &mounted.devices)?;
        mounted.dev = Some(tree);
    } else if destination == Path::new("/dev/pts") {
        mounted.devpts = Some(tree);
    }
    Ok(())
}

/// The mount point. Links in the kernel's own places have no honest use.
fn open_place(root: BorrowedFd<'_>, destination: &Path, make: target::Make) -> Result<OwnedFd> {
    let kernels = ["/proc", "/sys", "/dev"].map(Path::new);
    if destination == Path::new("/") {
        return Err(Error::Invalid("the root cannot be a mount's destination".to_owned()));
    }
    if kernels.contains(&destination) {
        target::open_or_make_plain(root, destination, make)
    } else {
        target::open_or_make(root, destination, make)
    }
}

/// Changes what an earlier mount has put there.
fn change(mount: &Mount, root: BorrowedFd<'_>) -> Result<()> {
    open(root, &mount.destination, libc::O_PATH, 0, Links::InRoot)
        .and_then(|place| {
            set_attributes(place.as_fd(), true, mount.recursive)?;
            set_attributes(place.as_fd(), false, mount.attributes)
        })
        .map_err(Error::path("remount", &mount.destination))
}

fn attach_bind(mount: &Mount, tree: OwnedFd, root: BorrowedFd<'_>) -> Result<()> {
    let kind = fstat(&tree).map_err(|error| failed(&mount.destination)(error.into()))?;
    let is_dir = SFlag::from_bits_truncate(kind.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR;
    let make = if is_dir { target::Make::Dir } else { target::Make::File };
    let place = open_place(root, &mount.destination, make)?;
    let mut attributes = mount.attributes;
    let mut recursive = mount.recursive;
    if attributes.propagation == 0 && recursive.propagation == 0 {
        recursive.propagation = libc::MS_PRIVATE;
    }
    // The whole field of access times is replaced or none of it.
    attributes.clear |= access_time(attributes.set);
    recursive.clear |= access_time(recursive.set);
    set_attributes(tree.as_fd(), true, recursive).map_err(failed(&mount.destination))?;
    set_attributes(tree.as_fd(), false, attributes).map_err(failed(&mount.destination))?;
    attach(tree.as_fd(), place.as_fd()).map_err(failed(&mount.destination))
}

fn access_time(set: u64) -> u64 {
    if set & libc::MOUNT_ATTR__ATIME == 0 { 0 } else { libc::MOUNT_ATTR__ATIME }
}

fn make_file_system(
    plan: &Plan,
    mount: &Mount,
    attributes: Attributes,
    place: Option<BorrowedFd<'_>>,
) -> Result<OwnedFd> {
    let Kind::FileSystem { name, source, options, .. } = &mount.kind else {
        return Err(failed(&mount.destination)(io::ErrorKind::InvalidInput.into()));
    };
    let make = || -> io::Result<OwnedFd> {
        let context = Context::open(name)?;
        if let Some(source) = source {
            context.set(c"source", source)?;
        }
        for (key, value) in options {
            match value {
                Some(value) => context.set(key, value)?,
                None => context.set_flag(key)?,
            }
        }
        if let (b"tmpfs" | b"devpts" | b"mqueue", Some(label)) =
            (name.to_bytes(), &plan.process.labels.mounts)
        {
            context.set(c"context", &CString::new(label.as_str())?)?;
        }
        let has_mode = options.iter().any(|(key, _)| key.as_c_str() == c"mode");
        if let (b"tmpfs", false, Some(place)) = (name.to_bytes(), has_mode, place) {
            // As Docker: a tmpfs over a directory looks like the directory.
            let mode = fstat(place)?.st_mode & 0o7777;
            let mode = CString::new(format!("{mode:o}"))?;
            context.set(c"mode", &mode)?;
        }
        context.mount(attributes.set)
    };
    make().map_err(failed(&mount.destination))
}

fn finish(tree: &OwnedFd, place: BorrowedFd<'_>, attributes: Attributes, mount: &Mount) -> Result<()> {
    // All of them, since a tree of the host does not have them yet.
    set_attributes(tree.as_fd(), false, attributes)
        .and_then(|()| set_attributes(tree.as_fd(), true, mount.recursive))
        .and_then(|()| attach(tree.as_fd(), place))
        .map_err(failed(&mount.destination))
}

fn failed(destination: &Path) -> impl FnOnce(io::Error) -> Error {
    let destination: PathBuf = destination.to_owned();
    move |source| Error::Path { action: "mount", path: destination, source }
}

/// Opens something in a mount of our own, without leaving it.
pub(super) fn open_inside(mount: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    open(mount, Path::new(name), libc::O_PATH, 0, Links::RefuseAndStay)
}
