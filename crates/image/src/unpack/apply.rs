//! Applying an archive to a directory, entry by entry.
//!
//! Whiteouts become overlayfs' own: a character device 0:0 for a hidden name, an attribute for an opaque directory.
//! Device nodes are made as the archive has them. They are inert here, since the store's root is closed to all but root,
//! and in containers, where the device rules of the cgroup decide what may be opened. Overlays are not mounted `nodev`,
//! since `mknod` works in a container.
//! Source of the rules: the OCI image specification, `layer.md`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{
    attribute,
    path::{self, Name},
    root::{self, Root},
};
use crate::{
    Error, Result,
    archive::{Entry, Kind, TarReader},
};

/// Bytes that are read at once from an archive that does not come in chunks.
const BUFFER_BYTES: usize = 128 << 10;
/// Directory names that are remembered to set their times at the end, in bytes.
const MAX_REMEMBERED_BYTES: usize = 64 << 20;
/// The mode of a file until it has its owner.
const PRIVATE_MODE: u32 = 0o600;
/// The bits of a mode that do not depend on the owner.
const PERMISSIONS: u32 = 0o777;
/// Bytes that each of them takes beside its name.
const REMEMBERED_OVERHEAD: usize = 64;

/// How an archive is extracted where it is not a layer.
#[derive(Default)]
pub struct Rules {
    /// Where in the root its names begin.
    pub base: Vec<u8>,
    /// Whether a directory in the place of something else, or the other way round, is an error.
    pub keep_kinds: bool,
    /// Changes each entry before it is made: whose it becomes, say.
    pub adapt: Option<Adapt>,
    /// Whether the directory itself becomes what an archive says of it.
    pub with_top: bool,
}

/// A change of entries, which may refuse one.
pub type Adapt = Box<dyn Fn(&mut Entry) -> io::Result<()> + Send>;

/// An archive being applied.
struct Layer<R> {
    archive: TarReader<R>,
    root: Root,
    /// Absent for a layer, in which some names are whiteouts.
    rules: Option<Rules>,
    /// Times of directories, set at the end, since every new entry changes them.
    times: Vec<(Vec<u8>, (i64, u32))>,
    /// That of the root itself, which an archive may name many times.
    root_time: Option<(i64, u32)>,
    remembered_bytes: usize,
    size_bytes: u64,
}

/// Applies a plain archive to an empty directory; returns the bytes of its files.
pub(crate) fn apply(archive: impl BufRead, target: &Path) -> Result<u64> {
    run(archive, Root::open(target).map_err(Error::io("open", target))?, None)
}

/// Extracts a plain archive beneath `root`, which is `/` to every link on the way: merging directories, replacing all
/// else, and never writing into anything that was there before. Blocks.
///
/// # Errors
/// The first entry that cannot be; those before it stay.
pub fn extract(archive: impl Read, root: OwnedFd, rules: Rules) -> Result<()> {
    let archive = BufReader::with_capacity(BUFFER_BYTES, archive);
    run(archive, Root::within(root, &rules.base), Some(rules)).map(drop)
}

fn run(archive: impl BufRead, root: Root, rules: Option<Rules>) -> Result<u64> {
    let mut layer = Layer {
        archive: TarReader::new(archive),
        root,
        rules,
        times: Vec::new(),
        root_time: None,
        remembered_bytes: 0,
        size_bytes: 0,
    };
    while let Some(mut entry) = layer.archive.next()? {
        if let Some(adapt) = layer.rules.as_ref().and_then(|rules| rules.adapt.as_ref()) {
            adapt(&mut entry).map_err(|error| failed(&entry, error))?;
        }
        fault::point("archive: apply entry");
        layer.entry(&entry)?;
    }
    layer.archive.drain()?;
    layer.set_times()?;
    Ok(layer.size_bytes)
}

impl<R: BufRead> Layer<R> {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        let name = if self.rules.is_some() { path::plain(&entry.path) } else { path::name(&entry.path) };
        let done = match name? {
            Name::Ignored => Ok(()),
            // The directory that things are copied to is not itself copied.
            Name::Root if self.rules.as_ref().is_some_and(|rules| !rules.with_top) => Ok(()),
            Name::Root => self.top(entry),
            Name::Opaque(parts) => self.root.directory(&parts).and_then(attribute::set_opaque),
            Name::Whiteout(parts, hidden) => self.whiteout(&parts, hidden),
            Name::Plain(parts, name) => return self.plain(&parts, name, entry),
        };
        done.map_err(|error| failed(entry, error))
    }

    /// The layer's root itself: only its attributes.
    fn top(&mut self, entry: &Entry) -> io::Result<()> {
        if entry.kind != Kind::Directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        attribute::set(self.root.fd(), entry)?;
        self.root_time = Some(entry.mtime);
        Ok(())
    }

    /// Whiteouts hide what lower layers have, never what this layer has, whatever the order of entries.
    fn whiteout(&mut self, parts: &[&[u8]], hidden: &[u8]) -> io::Result<()> {
        let directory = self.root.directory(parts)?;
        match root::stat(directory, hidden)? {
            None => Ok(rustix::fs::mknodat(directory, hidden, FileType::CharacterDevice, Mode::empty(), 0)?),
            Some(stat) if root::is_directory(&stat) => {
                attribute::set_opaque(open_directory(directory, hidden)?.as_fd())
            }
            Some(_) => Ok(()),
        }
    }

    fn plain(&mut self, parts: &[&[u8]], name: &[u8], entry: &Entry) -> Result<()> {
        let fail = |error| failed(entry, error);
        let directory = self.root.directory(parts).map_err(fail)?;
        if self.rules.is_none() && entry.kind == Kind::File {
            // Nearly every name of a layer is new: to make it finds that out in one call. Nobody else sees the layer yet,
            // so that it may have its mode from the beginning.
            match make_file(directory, name, entry.mode & PERMISSIONS) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return self.fill(made.map_err(fail)?, entry),
            }
        }
        let there = root::stat(directory, name).map_err(fail)?;
        let kept =
            there.as_ref().is_some_and(|stat| entry.kind == Kind::Directory && root::is_directory(stat));
        self.check_kinds(there.as_ref(), entry)?;
        if there.is_some() && !kept {
            self.root.remove(parts, name).map_err(fail)?;
        }
        match &entry.kind {
            Kind::Directory => {
                let hides = self.rules.is_none() && there.as_ref().is_some_and(root::is_whiteout);
                self.make_directory(parts, name, entry, !kept, hides).map_err(fail)
            }
            Kind::File => self.file(parts, name, entry),
            Kind::Hardlink(target) => self.hardlink(parts, name, target, entry),
            _ => self.special(parts, name, entry).map_err(fail),
        }
    }

    /// Docker's words, which its client shows.
    fn check_kinds(&self, there: Option<&rustix::fs::Stat>, entry: &Entry) -> Result<()> {
        let (Some(there), Some(Rules { keep_kinds: true, base, .. })) = (there, &self.rules) else {
            return Ok(());
        };
        let shown = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let (path, base) = (shown(&entry.path), shown(base));
        match (root::is_directory(there), entry.kind == Kind::Directory) {
            (true, false) => Err(Error::Overwrite(format!(
                "cannot overwrite directory {path:?} with non-directory {base:?}"
            ))),
            (false, true) => Err(Error::Overwrite(format!(
                "cannot overwrite non-directory {path:?} with directory {base:?}"
            ))),
            _ => Ok(()),
        }
    }

    fn make_directory(
        &mut self,
        parts: &[&[u8]],
        name: &[u8],
        entry: &Entry,
        is_new: bool,
        hides: bool,
    ) -> io::Result<()> {
        let directory = self.root.directory(parts)?;
        if is_new {
            rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(0o700))?;
        }
        let made = open_directory(directory, name)?;
        if hides {
            attribute::set_opaque(made.as_fd())?;
        }
        attribute::set(made.as_fd(), entry)?;
        let path = [parts, &[name]].concat().join(&b'/');
        self.remembered_bytes += path.len() + REMEMBERED_OVERHEAD;
        if self.remembered_bytes > MAX_REMEMBERED_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too many directories in one layer"));
        }
        self.times.push((path, entry.mtime));
        Ok(())
    }

    fn file(&mut self, parts: &[&[u8]], name: &[u8], entry: &Entry) -> Result<()> {
        let fail = |error| failed(entry, error);
        let directory = self.root.directory(parts).map_err(fail)?;
        let made = make_file(directory, name, PRIVATE_MODE).map_err(fail)?;
        self.fill(made, entry)
    }

    fn fill(&mut self, mut file: File, entry: &Entry) -> Result<()> {
        let fail = |error| failed(entry, error);
        loop {
            let data = self.archive.data()?;
            let written = data.len();
            if written == 0 {
                break;
            }
            file.write_all(data).map_err(fail)?;
            self.archive.consume_data(written);
            self.size_bytes += written as u64;
        }
        attribute::set(file.as_fd(), entry).map_err(fail)?;
        attribute::times(&file, entry.mtime).map_err(fail)
    }

    /// The target is another entry of this layer, found beneath the layer's root and never through a last link.
    fn hardlink(&mut self, parts: &[&[u8]], name: &[u8], target: &[u8], entry: &Entry) -> Result<()> {
        let fail = |error| failed(entry, error);
        let mut target_parts = path::parts(target)?;
        let target_name =
            target_parts.pop().ok_or_else(|| path::refused(&entry.path, "links to the layer's root"))?;
        let source = self.root.existing(&target_parts).map_err(fail)?;
        let directory = self.root.directory(parts).map_err(fail)?;
        rustix::fs::linkat(&source, target_name, directory, name, AtFlags::empty())
            .map_err(|error| fail(error.into()))
    }

    fn special(&mut self, parts: &[&[u8]], name: &[u8], entry: &Entry) -> io::Result<()> {
        let directory = self.root.directory(parts)?;
        let node = |kind, major, minor| -> io::Result<()> {
            let device = rustix::fs::makedev(major, minor);
            Ok(rustix::fs::mknodat(directory, name, kind, Mode::from_raw_mode(entry.mode), device)?)
        };
        match &entry.kind {
            Kind::Symlink(target) => rustix::fs::symlinkat(target.as_slice(), directory, name)?,
            Kind::CharDevice(major, minor) => node(FileType::CharacterDevice, *major, *minor)?,
            Kind::BlockDevice(major, minor) => node(FileType::BlockDevice, *major, *minor)?,
            Kind::Fifo => node(FileType::Fifo, 0, 0)?,
            Kind::File | Kind::Directory | Kind::Hardlink(_) => {}
        }
        attribute::set_at(directory, name, entry, matches!(entry.kind, Kind::Symlink(_)))
    }

    /// Deepest last named first, as far as archives go: a directory's time is set after all in it.
    fn set_times(&mut self) -> Result<()> {
        for (path, mtime) in std::mem::take(&mut self.times).iter().rev() {
            let parts = path::parts(path)?;
            // A directory that was replaced later in the archive is no directory any more.
            if let Ok(directory) = self.root.existing(&parts) {
                attribute::times(directory, *mtime).map_err(Error::io("set the time of", display(path)))?;
            }
        }
        match self.root_time {
            Some(mtime) => {
                attribute::times(self.root.fd(), mtime).map_err(Error::io("set the time of", "the root"))
            }
            None => Ok(()),
        }
    }
}

fn make_file(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode))?))
}

fn open_directory(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?)
}

/// What a hostile or broken archive can cause is the archive's fault; all else is the disk's.
fn failed(entry: &Entry, error: io::Error) -> Error {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound
        | Kind::AlreadyExists
        | Kind::NotADirectory
        | Kind::IsADirectory
        | Kind::InvalidInput
        | Kind::InvalidData
        | Kind::InvalidFilename
        | Kind::TooManyLinks
        | Kind::PermissionDenied => path::refused(&entry.path, &format!("cannot be unpacked: {error}")),
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            path::refused(&entry.path, "goes round in links")
        }
        _ => Error::Io { action: "unpack", path: display(&entry.path), source: error },
    }
}

fn display(path: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(path).into_owned().into()
}
