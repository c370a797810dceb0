//! The directory a layer is unpacked into, as the only root there is.
//!
//! Every name is opened by openat2 beneath it: absolute names and symbolic links resolve within the layer as they would
//! in the container, `..` stops at the layer's root, and links of /proc lead nowhere. All that is made or changed is named
//! by an open directory and one plain name. Nobody else writes into a layer meanwhile; into a container's root its
//! processes do, which may spoil what is extracted there and leads it nowhere else.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};

use crate::store::remove_at;

/// Mode of directories that an archive uses without naming them.
const IMPLIED_MODE: u32 = 0o755;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const BENEATH: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);
/// How often a lookup is repeated that a rename somewhere on the machine has disturbed (openat2(2)).
const ATTEMPTS: usize = 1000;
/// Most directories that one archive makes without naming them.
const MAX_IMPLIED: usize = 1_000_000;

/// A layer's root, with the directory that was used last kept open: archives name the entries of a directory in a row.
#[derive(Debug)]
pub(crate) struct Root {
    root: OwnedFd,
    /// Where in the root all names begin; empty for the root itself.
    base: Vec<u8>,
    cached: Option<(Vec<u8>, OwnedFd)>,
    /// Directories that were made without being named.
    implied: usize,
}

impl Root {
    pub(crate) fn open(path: &Path) -> io::Result<Root> {
        let root = rustix::fs::openat(CWD, path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Root { root, base: Vec::new(), cached: None, implied: 0 })
    }

    /// A root in which all names begin at `base`, a path like any other.
    pub(crate) fn within(root: OwnedFd, base: &[u8]) -> Root {
        Root { root, base: base.to_vec(), cached: None, implied: 0 }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The directory behind `parts`, which must exist.
    pub(crate) fn existing(&self, parts: &[&[u8]]) -> io::Result<OwnedFd> {
        let mut path = if self.base.is_empty() { b".".to_vec() } else { self.base.clone() };
        for part in parts {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        for _ in 0..ATTEMPTS {
            match rustix::fs::openat2(&self.root, &path, DIRECTORY, Mode::empty(), BENEATH) {
                Err(Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// The directory behind `parts`; what is missing of it is made.
    pub(crate) fn directory(&mut self, parts: &[&[u8]]) -> io::Result<BorrowedFd<'_>> {
        let path = parts.join(&b'/');
        if self.cached.as_ref().is_none_or(|(cached, _)| *cached != path) {
            let directory = match self.existing(parts) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.make(parts)?,
                other => other?,
            };
            self.cached = Some((path, directory));
        }
        let (_, directory) = self.cached.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(directory.as_fd())
    }

    /// Makes each missing part. A part that is a link to nowhere makes it fail.
    ///
    /// How deep the first missing part is, is found by halving: with a lookup for each of thousands of parts, an archive
    /// of a few megabytes would keep a processor busy for days.
    fn make(&mut self, parts: &[&[u8]]) -> io::Result<OwnedFd> {
        let (mut there, mut missing) = (0, parts.len());
        let mut directory = self.existing(&[])?;
        while missing - there > 1 {
            let middle = there + (missing - there) / 2;
            match self.existing(&parts[..middle]) {
                Ok(found) => (there, directory) = (middle, found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing = middle,
                Err(error) => return Err(error),
            }
        }
        for name in &parts[there..] {
            self.implied += 1;
            if self.implied > MAX_IMPLIED {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "too many directories in one archive",
                ));
            }
            rustix::fs::mkdirat(&directory, *name, Mode::from_raw_mode(IMPLIED_MODE))?;
            directory = rustix::fs::openat(&directory, *name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
            // The umask of the daemon is not the layer's.
            rustix::fs::fchmod(&directory, Mode::from_raw_mode(IMPLIED_MODE))?;
        }
        Ok(directory)
    }

    /// Removes whatever has this name, a tree too. A directory that goes may have been the one that is kept open.
    pub(crate) fn remove(&mut self, parts: &[&[u8]], name: &[u8]) -> io::Result<()> {
        let directory = self.existing(parts)?;
        self.cached = None;
        remove_at(directory.as_fd(), name)
    }
}

/// What has this name, itself and not what it points to.
pub(crate) fn stat(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}

/// Overlayfs' mark for "nothing here": a character device 0:0.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_char_device() && stat.st_rdev == 0
}
