//! Copying a tree into another without ever changing what is there: what begins a volume, and what makes one tree of an
//! image's layers.
//!
//! A file appears whole or not at all, so a copy that was cut short goes on by being done again. Where the file system can
//! (btrfs, xfs), a copy shares its blocks with its model until one of them is written to: `copy_file_range(2)` sees to it.

use super::attribute::{is_opaque, set_opaque, unset_opaque};
use super::open::{by_descriptor, contents, directory, open_in, read_link, stat};
use super::walk::{Entry, Step, Walk};
use super::{is_whiteout, xattrs};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Hard links that are remembered, to be links in the copy too; more become files of their own.
const MAX_LINKS: usize = 100_000;

/// Copies what is in `from` into `to`: owners, modes, times, extended attributes and links between files too. Sockets
/// stay behind. What `to` has already is left as it is.
pub(crate) fn copy_into_empty(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    copy(from, to, Way::Plain)?;
    copy_attributes(from, directory(to)?.as_fd())
}

/// How the files of a [`merge`] come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Each is a file of its own.
    Copied,
    /// Each is its model under another name: for a tree that nobody writes to.
    Linked,
}

/// Makes one tree of layers, topmost first, in the empty directory `to`, as overlayfs would show them.
pub(crate) fn merge(layers: &[OwnedFd], to: BorrowedFd<'_>, contents: Contents) -> io::Result<()> {
    for (depth, layer) in layers.iter().enumerate() {
        // What a higher layer hides or has is there already, marks included, and stays as it is.
        copy(layer.as_fd(), to, Way::Layer(contents))?;
        if depth == 0 {
            copy_attributes(layer.as_fd(), directory(to)?.as_fd())?;
        }
    }
    forget_marks(to)
}

/// Makes a directory like another: owner, mode, attributes, times.
pub(crate) fn copy_attributes(like: BorrowedFd<'_>, made: BorrowedFd<'_>) -> io::Result<()> {
    let stat = stat(like)?;
    set(made, like, &stat)?;
    times(made, &stat)
}

/// Gives what was opened one more name.
pub(crate) fn link(opened: BorrowedFd<'_>, into: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    Ok(rustix::fs::linkat(CWD, by_descriptor(opened), into, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Overlayfs' marks mean nothing in a tree that stands for itself.
fn forget_marks(top: BorrowedFd<'_>) -> io::Result<()> {
    let mut walk = Walk::new(top)?;
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        if is_whiteout(&entry.stat) {
            let above = entry.path.len() - entry.name.as_bytes().len();
            let parent =
                directory(open_in(top, entry.path[..above].trim_ascii_end(), OFlags::empty())?.as_fd())?;
            let before = stat(parent.as_fd())?;
            rustix::fs::unlinkat(&parent, entry.name.as_c_str(), AtFlags::empty())?;
            times(parent.as_fd(), &before)?;
        } else if entry.kind().is_dir() && is_opaque(entry.fd())? {
            unset_opaque(entry.fd())?;
        }
    }
    Ok(())
}

/// What a tree is copied as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Overlayfs' marks stay behind.
    Plain,
    /// One of several layers, of which the higher ones were there before: their marks are obeyed, and its own set.
    Layer(Contents),
}

fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, way: Way) -> io::Result<()> {
    let to = directory(to)?;
    let like = stat(to.as_fd())?;
    let mut copy = Copy { way, stack: vec![(to, like)], links: HashMap::new() };
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
    match way {
        Way::Plain => Ok(()),
        // The time of the higher layers' top.
        Way::Layer(_) => times(copy.stack[0].0.as_fd(), &like),
    }
}

struct Copy {
    way: Way,
    /// The directories that were entered and not left, with what they are to be like.
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
            FileType::Directory => return self.directory(entry),
            FileType::RegularFile => self.file(entry),
            FileType::Symlink => {
                fault::point("volume: copy link");
                rustix::fs::symlinkat(read_link(entry.fd())?.as_c_str(), into, name)
                    .map_err(io::Error::from)
                    .and_then(|()| finish(into, entry))
            }
            FileType::CharacterDevice if is_whiteout(&entry.stat) && self.way == Way::Plain => Ok(()),
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
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.end_merging(entry)?;
                Ok(true)
            }
            other => other.map(|()| true),
        }
    }

    /// False for one that is not to be entered.
    fn directory(&mut self, entry: &Entry<'_>) -> io::Result<bool> {
        let Some((into, _)) = self.stack.last() else { return Ok(false) };
        let name = entry.name.as_c_str();
        fault::point("volume: copy directory");
        let is_new = match rustix::fs::mkdirat(into, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = match rustix::fs::openat(into, name, flags, Mode::empty()) {
            Ok(made) => made,
            // Something else is there.
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let is_layer = matches!(self.way, Way::Layer(_));
        if is_layer && !is_new {
            if is_opaque(made.as_fd())? {
                return Ok(false);
            }
            let like = stat(made.as_fd())?;
            self.mark_if_opaque(entry, &made)?;
            self.stack.push((made, like));
            return Ok(true);
        }
        set(made.as_fd(), entry.fd(), &entry.stat)?;
        if is_layer {
            self.mark_if_opaque(entry, &made)?;
        }
        self.stack.push((made, entry.stat));
        Ok(true)
    }

    /// Lower layers have nothing to add to a directory that hides them. This layer itself has: it is entered before the
    /// mark is looked at again.
    fn mark_if_opaque(&self, entry: &Entry<'_>, made: &OwnedFd) -> io::Result<()> {
        if is_opaque(entry.fd())? { set_opaque(made.as_fd()) } else { Ok(()) }
    }

    /// What this layer has in the place of a higher layer's directory hides all that still lower layers have there.
    fn end_merging(&self, entry: &Entry<'_>) -> io::Result<()> {
        let (Way::Layer(_), Some((into, _))) = (self.way, self.stack.last()) else { return Ok(()) };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(into, entry.name.as_c_str(), flags, Mode::empty()) {
            Ok(higher) => set_opaque(higher.as_fd()),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Written without a name, and then given its name.
    fn file(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let Some((into, _)) = self.stack.last() else { return Ok(()) };
        if self.way == Way::Layer(Contents::Linked) {
            return link(entry.fd(), into.as_fd(), &entry.name);
        }
        let key = (entry.stat.st_dev, entry.stat.st_ino);
        let shared = entry.stat.st_nlink > 1;
        if let Some(made) = self.links.get(&key).filter(|_| shared) {
            return link(made.as_fd(), into.as_fd(), &entry.name);
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut made = File::from(rustix::fs::openat(into, c".", flags, Mode::from_raw_mode(0o600))?);
        io::copy(&mut contents(entry.fd())?, &mut made)?;
        set(made.as_fd(), entry.fd(), &entry.stat)?;
        times(made.as_fd(), &entry.stat)?;
        let made = OwnedFd::from(made);
        fault::point("volume: copy file");
        link(made.as_fd(), into.as_fd(), &entry.name)?;
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
