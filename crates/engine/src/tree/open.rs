//! Opening without side effects.

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Not opened for anything but being told apart and being a place to start from.
pub(super) const PATH: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const BENEATH: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);
/// How often a lookup is repeated that a rename somewhere on the machine has disturbed (openat2(2)).
const ATTEMPTS: usize = 1000;

/// What `path` leads to beneath `root`, which is `/` to every link on the way. The last link is followed, unless `flags`
/// hold `NOFOLLOW`.
pub(crate) fn open_in(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, PATH | flags, Mode::empty(), BENEATH) {
            Err(Errno::AGAIN) => {}
            other => return Ok(other?),
        }
    }
    Err(Errno::AGAIN.into())
}

/// The entry of this name, itself and not what it points to. `name` is one plain name.
pub(crate) fn child(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(directory, name, PATH | OFlags::NOFOLLOW, Mode::empty())?)
}

/// A directory that can be listed, from what [`open_in`] or [`child`] gave.
pub(crate) fn directory(opened: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(opened, c".", flags, Mode::empty())?)
}

/// The contents of what was opened and found to be a regular file.
pub(crate) fn contents(opened: BorrowedFd<'_>) -> io::Result<File> {
    // The kernel's name of our own descriptor: no path of anybody's is looked up.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(rustix::fs::open(by_descriptor(opened), flags, Mode::empty())?.into())
}

/// A path to what is open, for the calls that take no descriptor of this kind.
pub(super) fn by_descriptor(opened: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", opened.as_raw_fd())
}

/// Where an opened link points.
pub(crate) fn read_link(opened: impl AsFd) -> io::Result<CString> {
    Ok(rustix::fs::readlinkat(opened, c"", Vec::new())?)
}

/// The state of what is open.
pub(crate) fn stat(opened: BorrowedFd<'_>) -> io::Result<rustix::fs::Stat> {
    Ok(rustix::fs::statat(opened, c"", AtFlags::EMPTY_PATH)?)
}
