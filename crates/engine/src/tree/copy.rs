//! Copying a tree into another without ever changing what is there: what begins a volume.
//!
//! A file appears whole or not at all, so a copy that was cut short goes on by being done again.

use super::open::{by_descriptor, contents, directory, read_link};
use super::walk::{Entry, Step, Walk};
use super::xattrs;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Hard links that are remembered, to be links in the copy too; more become files of their own.
const MAX_LINKS: usize = 100_000;

/// Copies what is in `from` into `to`: owners, modes, times, extended attributes and links between files too. Sockets
/// stay behind. What `to` has already is left as it is.
pub(crate) fn copy_into_empty(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let top = super::open::stat(from)?;
    let to = directory(to)?;
    let mut copy = Copy { stack: vec![(to, top)], links: HashMap::new() };
    let mut walk = Walk::new(from)?;
    while let Some(step) = walk.next()? {
        match step {
            Step::Entry(entry) => {
                if !copy.entry(&entry)? {
                    walk.skip();
                }
            }
            Step::Leave => copy.leave()?,
        }
    }
    set(copy.stack[0].0.as_fd(), from, &top)
}

struct Copy {
    /// The directories that were entered and not left, with what they are copies of.
    stack: Vec<(OwnedFd, Stat)>,
    /// Device and inode of files with several names → the copy.
    links: HashMap<(u64, u64), OwnedFd>,
}

impl Copy {
    /// False for a directory that is not to be entered.
    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<bool> {
        let Some((into, _)) = self.stack.last() else { return Ok(false) };
        let into = into.as_fd();
        let name = entry.name.as_c_str();
        let done = match entry.kind() {
            FileType::Directory => {
                fault::point("volume: copy directory");
                match rustix::fs::mkdirat(into, name, Mode::from_raw_mode(0o700)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match rustix::fs::openat(into, name, flags, Mode::empty()) {
                    Ok(made) => {
                        set(made.as_fd(), entry.fd(), &entry.stat)?;
                        self.stack.push((made, entry.stat));
                        return Ok(true);
                    }
                    // Something else is there.
                    Err(Errno::NOTDIR | Errno::LOOP) => return Ok(false),
                    Err(error) => return Err(error.into()),
                }
            }
            FileType::RegularFile => self.file(entry),
            FileType::Symlink => {
                fault::point("volume: copy link");
                rustix::fs::symlinkat(read_link(entry.fd())?.as_c_str(), into, name)
                    .map_err(io::Error::from)
                    .and_then(|()| finish(into, entry))
            }
            FileType::CharacterDevice if entry.stat.st_rdev == 0 => Ok(()),
            kind @ (FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo) => {
                fault::point("volume: copy device");
                let mode = Mode::from_raw_mode(entry.stat.st_mode & 0o7777);
                rustix::fs::mknodat(into, name, kind, mode, entry.stat.st_rdev)
                    .map_err(io::Error::from)
                    .and_then(|()| finish(into, entry))
            }
            FileType::Socket | FileType::Unknown => Ok(()),
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
            other => other.map(|()| true),
        }
    }

    /// Written without a name, and then given its name.
    fn file(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let Some((into, _)) = self.stack.last() else { return Ok(()) };
        let key = (entry.stat.st_dev, entry.stat.st_ino);
        let shared = entry.stat.st_nlink > 1;
        if let Some(made) = self.links.get(&key).filter(|_| shared) {
            return link(made, into.as_fd(), entry);
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut made = File::from(rustix::fs::openat(into, c".", flags, Mode::from_raw_mode(0o600))?);
        io::copy(&mut contents(entry.fd())?, &mut made)?;
        set(made.as_fd(), entry.fd(), &entry.stat)?;
        times(made.as_fd(), &entry.stat)?;
        let made = OwnedFd::from(made);
        link(&made, into.as_fd(), entry)?;
        if shared && self.links.len() < MAX_LINKS {
            // As a path only: the table of open files is for those that are written to.
            let kept = rustix::fs::open(by_descriptor(made.as_fd()), super::open::PATH, Mode::empty())?;
            self.links.insert(key, kept);
        }
        Ok(())
    }

    fn leave(&mut self) -> io::Result<()> {
        match self.stack.pop() {
            Some((made, like)) => times(made.as_fd(), &like),
            None => Ok(()),
        }
    }
}

fn link(made: &OwnedFd, into: BorrowedFd<'_>, entry: &Entry<'_>) -> io::Result<()> {
    fault::point("volume: copy file");
    let from = by_descriptor(made.as_fd());
    Ok(rustix::fs::linkat(CWD, from, into, entry.name.as_c_str(), AtFlags::SYMLINK_FOLLOW)?)
}

/// Owner, mode and attributes. In this order: a change of owner takes set-user-id bits and capabilities away.
fn set(made: BorrowedFd<'_>, like: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    rustix::fs::fchown(made, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    rustix::fs::fchmod(made, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    for (name, value) in xattrs(like)? {
        match rustix::fs::fsetxattr(made, name.as_slice(), &value, XattrFlags::empty()) {
            // Not every file system has them.
            Ok(()) | Err(Errno::NOTSUP | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Owner, mode and time of what cannot be opened.
fn finish(into: BorrowedFd<'_>, entry: &Entry<'_>) -> io::Result<()> {
    let (name, stat) = (entry.name.as_c_str(), &entry.stat);
    let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    rustix::fs::chownat(into, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
    if entry.kind() != FileType::Symlink {
        rustix::fs::chmodat(into, name, Mode::from_raw_mode(stat.st_mode & 0o7777), AtFlags::empty())?;
    }
    Ok(rustix::fs::utimensat(into, name, &timestamps(stat), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn times(made: BorrowedFd<'_>, like: &Stat) -> io::Result<()> {
    Ok(rustix::fs::futimens(made, &timestamps(like))?)
}

fn timestamps(stat: &Stat) -> Timestamps {
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: nanos };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn a_copy_is_like_its_model_and_never_takes_anything_away() {
        assert!(nix::unistd::geteuid().is_root(), "this test changes owners: run it as root");
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) = (from.path(), to.path());
        fs::create_dir_all(a.join("d/e")).unwrap();
        fs::write(a.join("d/file"), "text").unwrap();
        fs::set_permissions(a.join("d/file"), fs::Permissions::from_mode(0o4751)).unwrap();
        std::os::unix::fs::chown(a.join("d"), Some(7), Some(8)).unwrap();
        fs::hard_link(a.join("d/file"), a.join("other")).unwrap();
        symlink("/etc/passwd", a.join("link")).unwrap();
        fs::write(a.join("mine"), "model").unwrap();
        fs::write(b.join("mine"), "kept").unwrap();
        symlink("/etc", b.join("over")).unwrap();
        fs::create_dir(a.join("over")).unwrap();
        fs::write(a.join("over/shoal-canary"), "").unwrap();
        let (from, to) = (fs::File::open(a).unwrap(), fs::File::open(b).unwrap());
        for _ in 0..2 {
            copy_into_empty(from.as_fd(), to.as_fd()).unwrap();
        }
        assert_eq!(fs::read_to_string(b.join("d/file")).unwrap(), "text");
        let (file, other) = (fs::metadata(b.join("d/file")).unwrap(), fs::metadata(b.join("other")).unwrap());
        assert_eq!((file.mode() & 0o7777, file.ino()), (0o4751, other.ino()));
        assert_eq!(fs::metadata(b.join("d")).unwrap().gid(), 8);
        assert_eq!(
            fs::metadata(b.join("d")).unwrap().modified().unwrap(),
            fs::metadata(a.join("d")).unwrap().modified().unwrap()
        );
        assert_eq!(fs::read_link(b.join("link")).unwrap().to_str(), Some("/etc/passwd"));
        assert_eq!(fs::read_to_string(b.join("mine")).unwrap(), "kept");
        assert!(!std::path::Path::new("/etc/shoal-canary").exists());
    }
}
