//! The mounts of the specification, in their order.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use nix::sys::stat::{SFlag, fstat};

use super::{cgroupfs, device, target};
use crate::cgroup::Cgroup;
use crate::plan::{Kind, Mount, Plan};
use crate::sys::c_path;
use crate::sys::mount::{Attributes, Context, attach, clone_tree, set_attributes};
use crate::sys::open::{Links, open};
use crate::view::clone_source;
use crate::{Error, Result};

/// Things of the host that were opened while its tree was still there.
pub(super) struct Pinned {
    /// For each mount of the plan: the clone of a bind's source.
    binds: Vec<Option<OwnedFd>>,
    cgroups: cgroupfs::Pinned,
}

/// Mounts that later steps work with directly, past any path.
#[derive(Default)]
pub(super) struct Mounted {
    /// The tmpfs that was mounted on `/dev`.
    pub(super) dev: Option<OwnedFd>,
    /// The devpts that was mounted on `/dev/pts`.
    pub(super) devpts: Option<OwnedFd>,
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

/// Opens all sources on the host.
pub(super) fn pin(plan: &Plan, cgroup: &Cgroup) -> Result<Pinned> {
    if plan.root_propagation != libc::MS_SHARED {
        // A clone then takes over that it is a slave; a shared one must be cloned before the tree is separated.
        nix::mount::mount(
            None::<&Path>,
            "/",
            None::<&Path>,
            MsFlags::MS_SLAVE | MsFlags::MS_REC,
            None::<&Path>,
        )
        .map_err(|error| Error::host("separate the mount namespace")(error.into()))?;
    }
    let binds = plan.mounts.iter().map(pin_source).collect::<Result<_>>()?;
    let wants_cgroups = plan.mounts.iter().any(|mount| mount.kind == Kind::Cgroup);
    let cgroups = if wants_cgroups { cgroupfs::pin(cgroup)? } else { cgroupfs::Pinned::default() };
    Ok(Pinned { binds, cgroups })
}

fn pin_source(mount: &Mount) -> Result<Option<OwnedFd>> {
    let Kind::Bind { source, recursive, subpath } = &mount.kind else {
        return Ok(None);
    };
    if !subpath.as_os_str().is_empty() {
        let whole = source.join(subpath);
        return clone_source(source, subpath, *recursive)
            .map(Some)
            .map_err(Error::path("clone bind source", whole));
    }
    let failed = |error: io::Error| match error.raw_os_error() {
        // Docker's words.
        Some(libc::ENOENT) => {
            Error::Invalid(format!("bind source path does not exist: {}", source.display()))
        }
        _ => Error::path("clone bind source", source)(error),
    };
    let slash = nix::fcntl::open(
        "/",
        nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )
    .map_err(|error| failed(error.into()))?;
    let path = c_path(source).map_err(failed)?;
    clone_tree(slash.as_fd(), &path, *recursive).map(Some).map_err(failed)
}

/// Makes all mounts beneath `root`.
pub(super) fn mount_all(
    plan: &Plan,
    pinned: Pinned,
    root: BorrowedFd<'_>,
    cgroup: &Cgroup,
) -> Result<Mounted> {
    let mut mounted = Mounted::default();
    let mut cgroups = Some(pinned.cgroups);
    let mut dev_is_mounted = false;
    for (mount, bind) in plan.mounts.iter().zip(pinned.binds) {
        let destination = &mount.destination;
        let is_dev = destination == Path::new("/dev");
        dev_is_mounted |= is_dev;
        match (&mount.kind, bind) {
            (Kind::Bind { .. }, Some(tree)) => attach_bind(mount, tree, root)?,
            (Kind::Bind { .. }, None) => {}
            (Kind::Cgroup, _) => {
                let pinned = cgroups.take().unwrap_or_default();
                cgroupfs::mount(mount, pinned, cgroup, root)?;
            }
            (Kind::FileSystem { .. }, _) => {
                let place = open_place(root, destination, target::Make::Dir)?;
                let mut attributes = mount.attributes;
                if is_dev && attributes.set & libc::MOUNT_ATTR_RDONLY != 0 {
                    attributes.set &= !libc::MOUNT_ATTR_RDONLY;
                    mounted.dev_readonly = true;
                }
                let tree = make_file_system(mount, attributes, place.as_fd())?;
                if is_dev {
                    device::populate(plan, tree.as_fd())?;
                }
                finish(&tree, place.as_fd(), attributes, mount)?;
                if is_dev {
                    mounted.dev = Some(tree);
                } else if destination == Path::new("/dev/pts") {
                    mounted.devpts = Some(tree);
                }
            }
        }
    }
    if !dev_is_mounted {
        let dev = target::open_or_make_plain(root, Path::new("/dev"), target::Make::Dir)?;
        device::populate(plan, dev.as_fd())?;
    }
    Ok(mounted)
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

fn make_file_system(mount: &Mount, attributes: Attributes, place: BorrowedFd<'_>) -> Result<OwnedFd> {
    let Kind::FileSystem { name, source, options } = &mount.kind else {
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
        let has_mode = options.iter().any(|(key, _)| key.as_c_str() == c"mode");
        if name.as_c_str() == c"tmpfs" && !has_mode {
            // As Docker: a tmpfs over a directory looks like the directory.
            let mode = fstat(place)?.st_mode & 0o7777;
            let mode = std::ffi::CString::new(format!("{mode:o}"))?;
            context.set(c"mode", &mode)?;
        }
        context.mount(attributes.set)
    };
    make().map_err(failed(&mount.destination))
}

fn finish(tree: &OwnedFd, place: BorrowedFd<'_>, attributes: Attributes, mount: &Mount) -> Result<()> {
    let propagation = Attributes { propagation: attributes.propagation, ..Attributes::default() };
    set_attributes(tree.as_fd(), false, propagation)
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
