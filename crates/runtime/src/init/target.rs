//! Mount points and other places in the container's root, made if they are missing.
//!
//! Every lookup is confined to the root, whatever links an image or a volume holds, and none is repeated: what is
//! returned is what was checked.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat, umask};

use crate::sys::open::{Links, open};
use crate::{Error, Result};

/// What is made where there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Dir,
    /// A directory that everybody may write in, as an empty tmpfs is: what is mounted over it looks like it, at the next
    /// start too.
    Scratch,
    /// An empty file.
    File,
}

/// Opens `path` beneath `root` without access to its contents.
pub(crate) fn open_or_make(root: BorrowedFd<'_>, path: &Path, make: Make) -> Result<OwnedFd> {
    open_or_make_with(root, path, make, Links::InRoot).map_err(Error::path("open in the container", path))
}

/// As [`open_or_make`], but a symbolic link in `path` is an error: for places where none has any business.
pub(super) fn open_or_make_plain(root: BorrowedFd<'_>, path: &Path, make: Make) -> Result<OwnedFd> {
    open_or_make_with(root, path, make, Links::Refuse).map_err(Error::path("open in the container", path))
}

fn open_or_make_with(root: BorrowedFd<'_>, path: &Path, make: Make, links: Links) -> io::Result<OwnedFd> {
    match open(root, path, libc::O_PATH, 0, links) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let parent = open_or_make_with(root, parent, Make::Dir, links)?;
    let made = match make {
        Make::Dir => mkdirat(&parent, name, Mode::from_bits_truncate(0o755)),
        Make::Scratch => {
            // This process has one thread.
            let mask = umask(Mode::empty());
            let made = mkdirat(&parent, name, Mode::from_bits_truncate(0o1777));
            umask(mask);
            made
        }
        Make::File => {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
            openat(&parent, name, flags, Mode::from_bits_truncate(0o644)).map(drop)
        }
    };
    match made {
        // Somebody was faster, or it is a link that leads nowhere: the next step tells.
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(error) => return Err(error.into()),
    }
    open(parent.as_fd(), Path::new(name), libc::O_PATH, 0, Links::Refuse)
}
