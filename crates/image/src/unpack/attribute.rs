//! Owners, modes, times and extended attributes, always on an open file or on a name in an open directory.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::PathBuf,
};

use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags},
    io::Errno,
};

use crate::archive::Entry;

/// Overlayfs' mark for "nothing of lower layers here".
const OPAQUE: &str = "trusted.overlay.opaque";
/// The bits of a mode that are not the kind of the file.
const MODE_BITS: u32 = 0o7777;
/// Held to be changed, without the side effects that opening a device or a pipe has.
const NODE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Owner, mode and extended attributes of an open file or directory.
///
/// In this order: a change of owner takes away set-user-id bits and capabilities.
pub(crate) fn set(file: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
    // Most of what is made is right already; to look costs a tenth of a change, which the file system has to journal.
    let stat = rustix::fs::fstat(file)?;
    let is_other = (stat.st_uid, stat.st_gid) != (entry.uid, entry.gid);
    if is_other {
        rustix::fs::fchown(file, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))?;
    }
    if is_other || stat.st_mode & MODE_BITS != entry.mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode))?;
    }
    for (name, value) in entry.xattrs.iter().filter(|(name, _)| is_wanted(name)) {
        tolerate(rustix::fs::fsetxattr(file, name.as_slice(), value, XattrFlags::empty()))?;
    }
    Ok(())
}

/// The same for what cannot be opened: links (which have no mode), devices, pipes.
pub(crate) fn set_at(directory: BorrowedFd<'_>, name: &[u8], entry: &Entry, is_link: bool) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
    if is_link {
        rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    } else {
        // Where a process of a container may swap the name for a link meanwhile, a change of mode by name would follow it.
        let node = rustix::fs::openat(directory, name, NODE, Mode::empty())?;
        let kind = FileType::from_raw_mode(rustix::fs::statat(&node, c"", AtFlags::EMPTY_PATH)?.st_mode);
        if kind.is_symlink() || kind.is_file() || kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it was swapped meanwhile"));
        }
        rustix::fs::chownat(&node, c"", uid, gid, AtFlags::EMPTY_PATH)?;
        let path = format!("/proc/self/fd/{}", node.as_raw_fd());
        rustix::fs::chmod(path, Mode::from_raw_mode(entry.mode))?;
    }
    for (key, value) in entry.xattrs.iter().filter(|(key, _)| is_wanted(key)) {
        // There is no call that takes a directory and a name; the kernel's name of the open directory is as good.
        let mut path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        path.push(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
        tolerate(rustix::fs::lsetxattr(&path, key.as_slice(), value, XattrFlags::empty()))?;
    }
    times_at(directory, name, entry.mtime)
}

/// Sets the time of the last change of an open file.
pub(crate) fn times(file: impl AsFd, mtime: (i64, u32)) -> io::Result<()> {
    Ok(rustix::fs::futimens(file, &timestamps(mtime))?)
}

/// Sets the time of the last change of a name, not of what it points to.
pub(crate) fn times_at(directory: BorrowedFd<'_>, name: &[u8], mtime: (i64, u32)) -> io::Result<()> {
    Ok(rustix::fs::utimensat(directory, name, &timestamps(mtime), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Makes a directory hide what lower layers have in it.
pub(crate) fn set_opaque(directory: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())?)
}

fn timestamps((seconds, nanos): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) };
    Timestamps { last_access: time, last_modification: time }
}

/// An archive may set what a process in the container may set, and file capabilities. Never overlayfs' own attributes,
/// which redirect names to other layers, nor security labels of this machine.
fn is_wanted(name: &[u8]) -> bool {
    let user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    user || name == b"security.capability" || name.starts_with(b"system.posix_acl_")
}

/// Not every file system has extended attributes, and none has all of them on links.
fn tolerate(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Err(Errno::NOTSUP | Errno::PERM) => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_attributes_are_taken() {
        for name in ["user.a", "security.capability", "system.posix_acl_access"] {
            assert!(is_wanted(name.as_bytes()), "{name}");
        }
        for name in [
            "trusted.overlay.redirect",
            "user.overlay.opaque",
            "security.selinux",
            "trusted.x",
            "security.ima",
        ] {
            assert!(!is_wanted(name.as_bytes()), "{name}");
        }
    }
}
