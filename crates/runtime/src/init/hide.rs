//! Paths that the container must not read, and those it must not write.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sys::stat::{SFlag, fstat, makedev};

use super::mount::{Mounted, open_inside};
use crate::plan::Plan;
use crate::sys::mount::{Attributes, Context, attach, clone_tree, set_attributes};
use crate::sys::open::{Links, open};
use crate::{Error, Result};

/// Covers each read-only path with itself, unwritable.
pub(super) fn make_readonly(plan: &Plan, root: BorrowedFd<'_>) -> Result<()> {
    let readonly = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    for path in &plan.readonly_paths {
        let Some(place) = open_existing(root, path)? else {
            continue;
        };
        clone_tree(place.as_fd(), c"", true)
            .and_then(|tree| set_attributes(tree.as_fd(), true, readonly).map(|()| tree))
            .and_then(|tree| attach(tree.as_fd(), place.as_fd()))
            .map_err(Error::path("make read-only", path))?;
    }
    Ok(())
}

/// Covers each masked file with the null device, each masked directory with an empty one.
pub(super) fn mask(plan: &Plan, root: BorrowedFd<'_>, mounted: &Mounted) -> Result<()> {
    let mut null = None;
    let mut empty: Option<OwnedFd> = None;
    for path in &plan.masked_paths {
        let Some(place) = open_existing(root, path)? else {
            continue;
        };
        let failed = |error: io::Error| Error::path("mask", path)(error);
        let is_dir = file_type(&place).map_err(failed)? == SFlag::S_IFDIR;
        let cover = match (is_dir, &empty) {
            (true, Some(empty)) => clone_tree(empty.as_fd(), c"", false).map_err(failed)?,
            (true, None) => empty_directory().map_err(failed)?,
            (false, _) => {
                let null = match &null {
                    Some(null) => null,
                    None => null.insert(null_device(plan, root, mounted)?),
                };
                clone_tree(null.as_fd(), c"", false).map_err(failed)?
            }
        };
        attach(cover.as_fd(), place.as_fd()).map_err(failed)?;
        if is_dir && empty.is_none() {
            empty = Some(cover);
        }
    }
    Ok(())
}

/// The container's null device, which is checked: with a link or another file in its place, masking would show
/// that instead (CVE-2025-31133). The container's and not the host's, so that a chmod in it stays in it.
fn null_device(plan: &Plan, root: BorrowedFd<'_>, mounted: &Mounted) -> Result<OwnedFd> {
    let path = Path::new("/dev/null");
    let ready = plan.devices.iter().position(|device| device.path == path);
    let null = match (ready.and_then(|number| mounted.devices.get(number)), &mounted.dev) {
        (Some(ready), _) => ready.try_clone(),
        (None, Some(dev)) => open_inside(dev.as_fd(), "null"),
        (None, None) => open(root, path, libc::O_PATH, 0, Links::Refuse),
    }
    .map_err(Error::path("open", "/dev/null"))?;
    let status = fstat(&null).map_err(|error| Error::path("look at", "/dev/null")(error.into()))?;
    let is_null = SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFCHR
        && status.st_rdev == makedev(1, 3);
    if is_null { Ok(null) } else { Err(Error::Invalid("/dev/null is not the null device".to_owned())) }
}

fn empty_directory() -> io::Result<OwnedFd> {
    let context = Context::open(c"tmpfs")?;
    context.set(c"source", c"tmpfs")?;
    context.set(c"nr_blocks", c"1")?;
    context.set(c"nr_inodes", c"1")?;
    context.mount(libc::MOUNT_ATTR_RDONLY)
}

/// What this kernel does not have needs no hiding.
fn open_existing(root: BorrowedFd<'_>, path: &Path) -> Result<Option<OwnedFd>> {
    match open(root, path, libc::O_PATH, 0, Links::InRoot) {
        Ok(place) => Ok(Some(place)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(Error::path("open", path)(error)),
    }
}

fn file_type(file: &OwnedFd) -> io::Result<SFlag> {
    let status = fstat(file)?;
    Ok(SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()))
}
