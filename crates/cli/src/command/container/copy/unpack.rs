//! An archive → files of this machine.
//!
//! The archive is a container's and may lie: whatever its names and links are, nothing outside the destination is
//! touched. Every directory on the way to an entry is opened by itself beneath the one before, never through a link;
//! an entry never writes through a link, it replaces it. What if we die right here: what was unpacked so far stays, as
//! with every copy.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType, Header};

use super::place::Rename;
use crate::error::Error;

/// Permission bits, with those of set-id and the sticky one.
const PERMISSIONS: u32 = 0o7777;
/// Names deeper than this are no real ones.
const MAX_DEPTH: usize = 4096;

/// Unpacks into the directory `folder`; names are changed by each of `renames` in turn. Owners are not taken over: the
/// files are the user's.
pub(super) fn unpack(archive: impl Read, folder: &Path, renames: &[Rename]) -> Result<(), Error> {
    let failed = |source: Errno| Error::File { path: folder.display().to_string(), source: source.into() };
    let root = fs::open(folder, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed)?;
    let mut unpacking = Unpacking { root, renames, folders: Vec::new() };
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        unpacking.entry(entry?)?;
    }
    unpacking.finish()
}

struct Unpacking<'a> {
    root: OwnedFd,
    renames: &'a [Rename],
    /// Directories whose modes and times are set at the end: until then they must be writable, and change.
    folders: Vec<(OwnedFd, Mode, Timestamps)>,
}

/// Most directories that are kept open until the end; those beyond are finished at once.
const MAX_FOLDERS: usize = 256;

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), Error> {
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            return Ok(());
        }
        let raw = self.renamed(&entry.path_bytes());
        let name = String::from_utf8_lossy(&raw).into_owned();
        let told = |error: io::Error| Error::Usage(format!("{name}: {}", crate::flag::file::reason(&error)));
        let parts = parts(&raw)?;
        let Some((&last, parents)) = parts.split_last() else { return Ok(()) };
        let parent = self.parent(parents).map_err(told)?;
        let header = entry.header().clone();
        let mode = Mode::from_raw_mode(header.mode()? & PERMISSIONS);
        let times = times(&header);
        if kind.is_dir() {
            return self.folder(&parent, last, &name, mode, times);
        }
        clear(&parent, last, &name)?;
        match kind {
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                fs::symlinkat(&target[..], &parent, last).map_err(|error| told(error.into()))?;
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                self.link(&target, &parent, last).map_err(|error| told(std::io::Error::other(error)))?;
                return Ok(());
            }
            EntryType::Fifo | EntryType::Block | EntryType::Char => {
                device(&header, kind, &parent, last, mode).map_err(told)?;
            }
            kind if kind.is_file() || kind.is_gnu_sparse() || kind.is_contiguous() => {
                return file(&mut entry, &parent, last, mode, &times).map_err(told);
            }
            other => {
                return Err(Error::Usage(format!("{name}: unknown kind of entry in the archive: {other:?}")));
            }
        }
        let _ = fs::utimensat(&parent, last, &times, AtFlags::SYMLINK_NOFOLLOW);
        Ok(())
    }

    fn renamed(&self, raw: &[u8]) -> Vec<u8> {
        self.renames.iter().fold(raw.to_vec(), |name, rename| rename.apply(&name))
    }

    /// Opens the directory that `parents` lead to, making those that are missing.
    fn parent(&self, parents: &[&[u8]]) -> io::Result<OwnedFd> {
        let mut at = self.root.try_clone()?;
        for part in parents {
            at = match open_folder(&at, part) {
                Err(Errno::NOENT) => {
                    fs::mkdirat(&at, *part, Mode::from_raw_mode(0o755))?;
                    open_folder(&at, part)?
                }
                opened => opened?,
            };
        }
        Ok(at)
    }

    fn folder(
        &mut self,
        parent: &OwnedFd,
        last: &[u8],
        name: &str,
        mode: Mode,
        times: Timestamps,
    ) -> Result<(), Error> {
        let told =
            |error: Errno| Error::Usage(format!("{name}: {}", crate::flag::file::reason(&error.into())));
        match fs::mkdirat(parent, last, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) if kind(parent, last) == Some(FileType::Directory) => {}
            Err(Errno::EXIST) => {
                return Err(Error::Usage(format!(
                    "cannot overwrite non-directory \"{name}\" with directory"
                )));
            }
            Err(error) => return Err(told(error)),
        }
        let opened = open_folder(parent, last).map_err(told)?;
        if self.folders.len() < MAX_FOLDERS {
            self.folders.push((opened, mode, times));
            return Ok(());
        }
        finish(&opened, mode, &times).map_err(told)
    }

    /// A further name of a file that was unpacked before.
    fn link(&self, target: &[u8], parent: &OwnedFd, last: &[u8]) -> Result<(), Error> {
        let target = self.renamed(target);
        let parts = parts(&target)?;
        let Some((name, parents)) = parts.split_last() else {
            return Err(Error::Usage("a link to nothing".to_owned()));
        };
        let from = self.parent(parents)?;
        fs::linkat(&from, *name, parent, last, AtFlags::empty()).map_err(|error| Error::Io(error.into()))
    }

    fn finish(self) -> Result<(), Error> {
        // The innermost first: a directory's time changes with what happens in it.
        for (folder, mode, times) in self.folders.iter().rev() {
            finish(folder, *mode, times).map_err(|error| Error::Io(error.into()))?;
        }
        Ok(())
    }
}

fn finish(folder: &OwnedFd, mode: Mode, times: &Timestamps) -> rustix::io::Result<()> {
    fs::fchmod(folder, mode)?;
    fs::futimens(folder, times)
}

/// The parts of an entry's name; none for the destination itself.
fn parts(name: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let parts: Vec<&[u8]> =
        name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&b"..".as_slice()) || parts.len() > MAX_DEPTH || name.contains(&0) {
        let name = String::from_utf8_lossy(name);
        return Err(Error::Usage(format!(
            "the archive has a name that leads out of the destination: {name}"
        )));
    }
    Ok(parts)
}

fn open_folder(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    fs::openat(parent, name, flags, Mode::empty())
}

fn kind(parent: &OwnedFd, name: &[u8]) -> Option<FileType> {
    let found = fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(found.st_mode))
}

/// Takes away what stands in the way of a file; a directory stays and is an error.
fn clear(parent: &OwnedFd, last: &[u8], name: &str) -> Result<(), Error> {
    match kind(parent, last) {
        None => Ok(()),
        Some(FileType::Directory) => {
            Err(Error::Usage(format!("cannot overwrite directory \"{name}\" with non-directory")))
        }
        Some(_) => fs::unlinkat(parent, last, AtFlags::empty()).map_err(|error| Error::Io(error.into())),
    }
}

fn file<R: Read>(
    entry: &mut Entry<'_, R>,
    parent: &OwnedFd,
    last: &[u8],
    mode: Mode,
    times: &Timestamps,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(fs::openat(parent, last, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(entry, &mut file)?;
    fs::fchmod(file.as_fd(), mode)?;
    fs::futimens(file.as_fd(), times)?;
    Ok(())
}

fn device(header: &Header, kind: EntryType, parent: &OwnedFd, last: &[u8], mode: Mode) -> io::Result<()> {
    let kind = match kind {
        EntryType::Fifo => FileType::Fifo,
        EntryType::Block => FileType::BlockDevice,
        _ => FileType::CharacterDevice,
    };
    let (major, minor) = (header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0));
    Ok(fs::mknodat(parent, last, kind, mode, fs::makedev(major, minor))?)
}

fn times(header: &Header) -> Timestamps {
    let seconds = header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
    let at = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: at, last_modification: at }
}

#[cfg(test)]
mod tests;
