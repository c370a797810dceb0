//! `/sys/fs/cgroup` in the container: its own cgroups, in the version that the machine has.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::unistd::symlinkat;

use super::mount::open_inside;
use super::target;
use crate::cgroup::{Cgroup, Version};
use crate::plan::Mount;
use crate::sys::mount::{Attributes, Context, attach, clone_tree, set_attributes};
use crate::{Error, Result};

/// Version 1: names of the controllers, clone of the container's directory. Version 2: nothing.
#[derive(Default)]
pub(super) struct Pinned(Vec<(Vec<String>, OwnedFd)>);

/// Opens what has to be opened on the host.
pub(super) fn pin(cgroup: &Cgroup) -> Result<Pinned> {
    let mut pinned = Vec::new();
    for (controllers, dir) in cgroup.v1_members() {
        let tree = File::options()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(dir)
            .and_then(|dir| clone_tree(dir.as_fd(), c"", false))
            .map_err(Error::path("clone cgroup", dir))?;
        pinned.push((controllers.to_vec(), tree));
    }
    Ok(Pinned(pinned))
}

/// Mounts it.
pub(super) fn mount(mount: &Mount, pinned: Pinned, cgroup: &Cgroup, root: BorrowedFd<'_>) -> Result<()> {
    let place = target::open_or_make(root, &mount.destination, target::Make::Dir)?;
    match cgroup.version() {
        Version::V1 => mount_v1(mount, pinned, place.as_fd()),
        Version::V2 => Context::open(c"cgroup2")
            .and_then(|context| context.mount(mount.attributes.set))
            .and_then(|tree| attach(tree.as_fd(), place.as_fd())),
    }
    .map_err(Error::path("mount", &mount.destination))
}

/// A tmpfs with a directory per hierarchy, and a link per controller of a shared one.
fn mount_v1(mount: &Mount, pinned: Pinned, place: BorrowedFd<'_>) -> std::io::Result<()> {
    let context = Context::open(c"tmpfs")?;
    context.set(c"mode", c"755")?;
    context.set(c"source", c"tmpfs")?;
    let readonly = mount.attributes.set & libc::MOUNT_ATTR_RDONLY;
    let tmpfs = context.mount(mount.attributes.set & !libc::MOUNT_ATTR_RDONLY)?;
    for (controllers, _) in &pinned.0 {
        let name = controllers.join(",");
        nix::sys::stat::mkdirat(&tmpfs, name.as_str(), nix::sys::stat::Mode::from_bits_truncate(0o755))?;
        for controller in controllers.iter().filter(|c| **c != name) {
            symlinkat(Path::new(&name), &tmpfs, controller.as_str())?;
        }
    }
    attach(tmpfs.as_fd(), place)?;
    for (controllers, tree) in pinned.0 {
        let place = open_inside(tmpfs.as_fd(), &controllers.join(","))?;
        let attributes = Attributes { set: mount.attributes.set, ..Attributes::default() };
        set_attributes(tree.as_fd(), false, attributes)?;
        attach(tree.as_fd(), place.as_fd())?;
    }
    let readonly = Attributes { set: readonly, ..Attributes::default() };
    set_attributes(tmpfs.as_fd(), false, readonly)
}
