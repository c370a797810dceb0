//! What is in `/dev`: nodes, links, the console.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, makedev, mknodat};
use nix::unistd::{Gid, Uid, fchownat, symlinkat};

use super::mount::Mounted;
use super::target;
use crate::plan::{Device, Plan};
use crate::sys::mount::{attach, clone_tree};
use crate::sys::tty;
use crate::{Error, Result};

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Makes nodes and links in `dev`, which is `/dev` by descriptor. `ready`: for each device its mount, if the container
/// cannot make it.
pub(super) fn populate(plan: &Plan, dev: BorrowedFd<'_>, ready: &[OwnedFd]) -> Result<()> {
    for (number, device) in plan.devices.iter().enumerate() {
        if let Ok(path) = device.path.strip_prefix("/dev") {
            provide(dev, path, device, ready.get(number))?;
        }
    }
    for (name, to) in LINKS {
        match symlinkat(to, dev, name) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => {
                return Err(Error::path("link in /dev", name)(error.into()));
            }
        }
    }
    Ok(())
}

/// Makes the nodes that the specification wants elsewhere.
pub(super) fn make_outside_dev(plan: &Plan, root: BorrowedFd<'_>, ready: &[OwnedFd]) -> Result<()> {
    plan.devices
        .iter()
        .enumerate()
        .filter(|(_, device)| !device.path.starts_with("/dev"))
        .try_for_each(|(number, device)| provide(root, &device.path, device, ready.get(number)))
}

fn provide(dir: BorrowedFd<'_>, path: &Path, device: &Device, ready: Option<&OwnedFd>) -> Result<()> {
    let Some(ready) = ready else {
        return make(dir, path, device);
    };
    let place = target::open_or_make_plain(dir, path, target::Make::File)?;
    attach(ready.as_fd(), place.as_fd()).map_err(Error::path("mount device", &device.path))
}

fn make(dir: BorrowedFd<'_>, path: &Path, device: &Device) -> Result<()> {
    let failed = |error: Errno| Error::path("make device", &device.path)(error.into());
    let name = path.file_name().ok_or_else(|| failed(Errno::EINVAL))?;
    let parent = match path.parent() {
        Some(parent) if parent.components().next().is_some() => {
            Some(target::open_or_make(dir, parent, target::Make::Dir)?)
        }
        _ => None,
    };
    let parent = parent.as_ref().map_or(dir, AsFd::as_fd);
    let kind = SFlag::from_bits_truncate(device.mode & SFlag::S_IFMT.bits());
    let mode = Mode::from_bits_truncate(device.mode & 0o7777);
    let number = makedev(device.major.into(), device.minor.into());
    match mknodat(parent, name, kind, mode, number) {
        Ok(()) => {}
        Err(Errno::EEXIST) => {
            // An image may bring the node; anything else in its place is a trap.
            let there = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(failed)?;
            let same = there.st_mode & SFlag::S_IFMT.bits() == kind.bits();
            if !same || there.st_rdev != number {
                return Err(failed(Errno::EEXIST));
            }
        }
        Err(error) => return Err(failed(error)),
    }
    if (device.uid, device.gid) != (0, 0) {
        let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        fchownat(parent, name, Some(uid), Some(gid), flags).map_err(failed)?;
    }
    Ok(())
}

/// A pseudo-terminal of the container's own devpts, also mounted on `/dev/console`: master, slave. No path of
/// the image takes part (CVE-2025-52565).
pub(super) fn open_console(root: BorrowedFd<'_>, mounted: &Mounted) -> Result<(OwnedFd, OwnedFd)> {
    let devpts = mounted
        .devpts
        .as_ref()
        .ok_or_else(|| Error::Invalid("a terminal needs a devpts mounted on /dev/pts".to_owned()))?;
    let failed = |error: io::Error| Error::host("open the console")(error);
    let (master, slave) = tty::open_pair(devpts.as_fd()).map_err(failed)?;
    if let Some(dev) = &mounted.dev {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let place = openat(dev, "console", flags, Mode::from_bits_truncate(0o620))
            .map_err(|error| failed(error.into()))?;
        mount_console(slave.as_fd(), place.as_fd())?;
    } else {
        let place = target::open_or_make_plain(root, Path::new("/dev/console"), target::Make::File)?;
        mount_console(slave.as_fd(), place.as_fd())?;
    }
    Ok((master, slave))
}

fn mount_console(slave: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<()> {
    clone_tree(slave, c"", false)
        .and_then(|console| attach(console.as_fd(), place))
        .map_err(Error::host("mount the console"))
}
