//! What a mount shows, put together with the machine's privilege: a file system of a device or a server, layers as one tree.
//!
//! All of it needs a mount namespace of the caller's own, from which nothing spreads: for a moment it may lie over `place`. What
//! is given is attached nowhere.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use super::root;
use super::staging::Staging;
use super::users::UserNamespace;
use crate::plan::{Kind, Mount};
use crate::sys::mount::{Context, attach, clone_tree, set_idmap};
use crate::sys::open::{Links, open};
use crate::{Error, Result};

/// Makes what a mount shows, if it is of a kind that the machine has to put together.
pub(crate) fn make(mount: &Mount, place: &Path) -> Result<Option<OwnedFd>> {
    make_for(mount, place, None)
}

/// The same for a container, with whose users it may be seen.
pub(super) fn make_for(
    mount: &Mount,
    place: &Path,
    users: Option<&UserNamespace>,
) -> Result<Option<OwnedFd>> {
    let failed = Error::path("mount", &mount.destination);
    let made = match &mount.kind {
        Kind::Host { name, source, options, read_only, subpath, mapped } => {
            file_system(name, source.as_deref(), options, *read_only)
                .and_then(|tree| part(tree, subpath, place))
                .and_then(|tree| match users.filter(|_| *mapped) {
                    Some(users) => set_idmap(tree.as_fd(), false, users.as_fd()).map(|()| tree),
                    None => Ok(tree),
                })
        }
        Kind::Layers { lowers, subpath, mapped } => match users.filter(|_| *mapped) {
            Some(users) => mapped_layers(lowers, subpath, place, users)?,
            None => layers(lowers, subpath, place),
        },
        Kind::Bind { .. } | Kind::FileSystem { .. } | Kind::Cgroup | Kind::Remount => return Ok(None),
    };
    made.map(Some).map_err(failed)
}

/// Who mounts a device that is mounted already gets the same file system, whatever its options.
fn file_system(
    name: &CStr,
    source: Option<&CStr>,
    options: &[(CString, Option<CString>)],
    read_only: bool,
) -> io::Result<OwnedFd> {
    let words = name.to_string_lossy();
    let context = Context::open(name).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV) => {
            io::Error::new(error.kind(), format!("this kernel has no file system \"{words}\""))
        }
        _ => error,
    })?;
    if let Some(source) = source {
        context.set(c"source", source)?;
    }
    if read_only {
        context.set_flag(c"ro")?;
    }
    for (key, value) in options {
        match value {
            Some(value) => context.set(key, value)?,
            None => context.set_flag(key)?,
        }
    }
    fault::point("mount: file system of a volume");
    context.mount(0)
}

fn layers(lowers: &[PathBuf], subpath: &Path, place: &Path) -> io::Result<OwnedFd> {
    let target = root::open_path(place)?;
    let whole = root::read_only(lowers, place, target.as_fd())?;
    let tree = within(&whole, subpath);
    umount2(place, MntFlags::MNT_DETACH)?;
    tree
}

/// Layers keep the container's own numbers on disk, and are seen through the map of its users.
fn mapped_layers(
    lowers: &[PathBuf],
    subpath: &Path,
    place: &Path,
    users: &UserNamespace,
) -> Result<io::Result<OwnedFd>> {
    let staging = Staging::new(place, users)?;
    Ok(staging.map_lowers(lowers).and_then(|(lowers, place)| layers(&lowers, subpath, &place)))
}

/// A part of a tree that is attached nowhere. Its links lead to what the tree has there.
fn part(tree: OwnedFd, subpath: &Path, place: &Path) -> io::Result<OwnedFd> {
    if subpath.as_os_str().is_empty() {
        return Ok(tree);
    }
    let parts = parts(&tree, &[subpath.to_owned()], place)?;
    parts.into_iter().next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The same of several parts.
pub(super) fn parts(tree: &OwnedFd, subpaths: &[PathBuf], place: &Path) -> io::Result<Vec<OwnedFd>> {
    // What is attached nowhere can only be cloned since Linux 6.15.
    attach(tree.as_fd(), root::open_path(place)?.as_fd())?;
    let parts = subpaths.iter().map(|subpath| within(tree, subpath)).collect();
    umount2(place, MntFlags::MNT_DETACH)?;
    parts
}

fn within(tree: &OwnedFd, subpath: &Path) -> io::Result<OwnedFd> {
    let part = if subpath.as_os_str().is_empty() {
        clone_tree(tree.as_fd(), c"", false)?
    } else {
        let found = open(tree.as_fd(), subpath, libc::O_PATH, 0, Links::InRoot)?;
        clone_tree(found.as_fd(), c"", false)?
    };
    Ok(part)
}
