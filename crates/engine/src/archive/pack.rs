//! A file or a tree as an archive.

use crate::tree::{self, Entry as Visited, Step, Walk};
use image::archive::{Entry, Kind, TarWriter};
use rustix::fs::{FileType, Stat, major, minor};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Files with several names that are remembered, to be links in the archive too.
const MAX_LINKS: usize = 1_000_000;
/// File systems whose files are no files: made up as they are read, without end or with side effects. Their files are
/// archived empty, and what is mounted so somewhere below is not entered. Source: `linux/magic.h`.
const PSEUDO: [u64; 13] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x1cd1,      // devpts
    0x1980_0202, // mqueue
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x4249_4e4d, // binfmt_misc
    0x6165_676c, // pstore
];

/// An archive being filled.
pub(super) struct Packer<W: Write> {
    tar: TarWriter<W>,
    /// Device and inode → name in the archive.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
}

impl<W: Write> Packer<W> {
    pub(super) fn new(output: W) -> Packer<W> {
        Packer { tar: TarWriter::new(output), links: HashMap::new(), buffer: vec![0; BUFFER_BYTES] }
    }

    pub(super) fn finish(self) -> io::Result<W> {
        self.tar.finish()
    }

    /// What is opened, under this name: a directory with all that is in it.
    pub(super) fn whole(
        &mut self,
        opened: BorrowedFd<'_>,
        stat: &Stat,
        name: &str,
        skip: Skip,
    ) -> io::Result<()> {
        self.one(opened, stat, name.as_bytes())?;
        if is_dir(stat) { self.walk(opened, stat.st_dev, name, skip) } else { Ok(()) }
    }

    /// What is in an opened directory, under names that begin there.
    pub(super) fn below(&mut self, opened: BorrowedFd<'_>) -> io::Result<()> {
        let device = tree::stat(opened)?.st_dev;
        self.walk(opened, device, "", Skip::Nothing)
    }

    fn walk(&mut self, opened: BorrowedFd<'_>, device: u64, name: &str, skip: Skip) -> io::Result<()> {
        let mut walk = Walk::new(opened)?;
        let mut own_device = vec![device];
        while let Some(step) = walk.next()? {
            let Step::Entry(visited) = step else {
                own_device.pop();
                continue;
            };
            let entered = self.visited(&visited, name, skip, own_device.last().copied())?;
            let (is_dir, device) = (is_dir(&visited.stat), visited.stat.st_dev);
            match (is_dir, entered) {
                (true, true) => own_device.push(device),
                (true, false) => walk.skip(),
                (false, _) => {}
            }
        }
        Ok(())
    }

    /// False for a directory that is not to be entered.
    fn visited(
        &mut self,
        visited: &Visited<'_>,
        top: &str,
        skip: Skip,
        device: Option<u64>,
    ) -> io::Result<bool> {
        let name = match top {
            // The archive of a root begins with a slash and goes on without another.
            "" => visited.path.to_vec(),
            "/" => [b"/", visited.path].concat(),
            top => [top.as_bytes(), b"/", visited.path].concat(),
        };
        self.one(visited.fd(), &visited.stat, &name)?;
        if !is_dir(&visited.stat) {
            return Ok(false);
        }
        let is_mount = device != Some(visited.stat.st_dev);
        let skipped = is_mount && (is_pseudo(visited.fd()) || skip == Skip::Dev && visited.path == b"dev");
        Ok(!skipped)
    }

    /// An entry that is no file of the tree, without data.
    pub(super) fn mark(&mut self, entry: Entry) -> io::Result<()> {
        self.tar.entry(&entry, 0)
    }

    /// One entry, without what is below it.
    pub(super) fn one(&mut self, opened: BorrowedFd<'_>, stat: &Stat, name: &[u8]) -> io::Result<()> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => match self.earlier(stat, name) {
                Some(earlier) => Kind::Hardlink(earlier),
                None => Kind::File,
            },
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink(tree::read_link(opened)?.into_bytes()),
            FileType::CharacterDevice => Kind::CharDevice(major(stat.st_rdev), minor(stat.st_rdev)),
            FileType::BlockDevice => Kind::BlockDevice(major(stat.st_rdev), minor(stat.st_rdev)),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket | FileType::Unknown => return Ok(()),
        };
        let mut path = name.to_vec();
        if kind == Kind::Directory && !path.ends_with(b"/") {
            path.push(b'/');
        }
        let with_attributes = matches!(kind, Kind::File | Kind::Directory);
        let entry = Entry {
            path,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: (stat.st_mtime, 0),
            xattrs: if with_attributes { tree::xattrs(opened)? } else { Vec::new() },
            kind,
        };
        if entry.kind != Kind::File {
            return self.tar.entry(&entry, 0);
        }
        let size = if is_pseudo(opened) { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
        // Before the header: what cannot be opened is left out rather than cut off.
        let contents = if size == 0 { None } else { Some(tree::contents(opened)?) };
        self.tar.entry(&entry, size)?;
        match contents {
            Some(contents) => self.data(contents.take(size)),
            None => Ok(()),
        }
    }

    fn data(&mut self, mut contents: impl Read) -> io::Result<()> {
        loop {
            match contents.read(&mut self.buffer)? {
                0 => return Ok(()),
                read => self.tar.data(&self.buffer[..read])?,
            }
        }
    }

    /// The name under which a file with several names is in the archive already.
    fn earlier(&mut self, stat: &Stat, name: &[u8]) -> Option<Vec<u8>> {
        if stat.st_nlink < 2 {
            return None;
        }
        let key = (stat.st_dev, stat.st_ino);
        if let Some(earlier) = self.links.get(&key) {
            return Some(earlier.clone());
        }
        if self.links.len() < MAX_LINKS {
            self.links.insert(key, name.to_vec());
        }
        None
    }
}

/// What of a tree stays out besides file systems that are no files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    Nothing,
    /// What is mounted on `dev` right below the top: the runtime's, not the container's.
    Dev,
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}

fn is_pseudo(opened: BorrowedFd<'_>) -> bool {
    // The field's type differs between architectures.
    #[allow(clippy::unnecessary_cast, reason = "signed on some architectures")]
    rustix::fs::fstatfs(opened.as_fd()).is_ok_and(|fs| PSEUDO.contains(&(fs.f_type as u64 & 0xffff_ffff)))
}
