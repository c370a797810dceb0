//! `tmpcopyup`: a new file system begins with what it is about to cover.
//!
//! The source lies in the container's root and is hostile: nothing in it is followed, and what is neither file, directory
//! nor link is left out. The copy is bounded by the size of the file system, and in depth.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, UtimensatFlags, fchmod, fstat, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat, symlinkat};

use crate::sys::open::{Links, open};

/// Directories below directories.
const MAX_DEPTH: usize = 64;

/// Copies what is in the directory `from` into the directory `to`.
pub(super) fn copy_up(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let from = open(from, Path::new("."), libc::O_RDONLY | libc::O_DIRECTORY, 0, Links::Refuse)?;
    copy_dir(from, to, MAX_DEPTH)
}

fn copy_dir(from: OwnedFd, to: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let source = from.try_clone()?;
    for entry in Dir::from_fd(from)?.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            let name = Path::new(std::ffi::OsStr::new(name.to_str().map_err(io::Error::other)?));
            copy_entry(source.as_fd(), to, name, depth)?;
        }
    }
    Ok(())
}

fn copy_entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &Path, depth: usize) -> io::Result<()> {
    let source = open(from, name, libc::O_PATH | libc::O_NOFOLLOW, 0, Links::RefuseAndStay)?;
    let status = fstat(&source)?;
    let mode = Mode::from_bits_truncate(status.st_mode & 0o7777);
    let reopen = |flags| open(from, name, flags | libc::O_NOFOLLOW, 0, Links::RefuseAndStay);
    match SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => {
            mkdirat(to, name, Mode::from_bits_truncate(0o700))?;
            let made =
                openat(to, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
            copy_dir(reopen(libc::O_RDONLY | libc::O_DIRECTORY)?, made.as_fd(), depth - 1)?;
            finish(&made, to, name, &status, mode)
        }
        SFlag::S_IFREG => {
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
            let made = openat(to, name, flags, Mode::from_bits_truncate(0o600))?;
            let mut source = File::from(reopen(libc::O_RDONLY | libc::O_NONBLOCK)?);
            let mut made = File::from(made);
            io::copy(&mut source, &mut made)?;
            finish(&OwnedFd::from(made), to, name, &status, mode)
        }
        SFlag::S_IFLNK => {
            symlinkat(readlinkat(&source, "")?.as_os_str(), to, name)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn finish(made: &OwnedFd, dir: BorrowedFd<'_>, name: &Path, status: &FileStat, mode: Mode) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(status.st_uid), Gid::from_raw(status.st_gid));
    fchownat(dir, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    fchmod(made, mode)?;
    let (accessed, modified) = (
        TimeSpec::new(status.st_atime, status.st_atime_nsec),
        TimeSpec::new(status.st_mtime, status.st_mtime_nsec),
    );
    utimensat(dir, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?;
    Ok(())
}
