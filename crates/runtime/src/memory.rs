//! Files that a container has in memory and on no disk: in one file system of their own, which is attached nowhere until the
//! container mounts each file, read-only, where it wants it. It goes with the last of these mounts.

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

use crate::sys::mount::Context;
use crate::{Error, Result};

/// Bytes of a page: what files in memory are counted in.
const PAGE_BYTES: usize = 4096;
/// Pages and files beside the files themselves.
const SPARE: usize = 16;
/// The bits of a mode that mean something.
const MODE_BITS: u32 = 0o7777;

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub struct MemoryFile {
    /// Its absolute path in the container.
    pub target: PathBuf,
    /// What it holds.
    pub data: Vec<u8>,
    /// Its owner, as the host numbers users.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
    /// Who may read it.
    pub mode: u32,
}

/// Without the data, which must be in no log.
impl fmt::Debug for MemoryFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MemoryFile").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Files in memory, and where a container wants them.
#[derive(Debug)]
pub struct Memory<'a> {
    /// As [`memory_tree`] makes it.
    pub tree: OwnedFd,
    /// The absolute paths in the container, in the order of the files.
    pub targets: &'a [PathBuf],
}

/// Puts files into a file system in memory that is attached nowhere: when the descriptor is closed, and nothing has mounted it,
/// it is gone. It is kept out of swap where the kernel can do that (since Linux 6.4).
///
/// # Errors
/// If the kernel does not make it.
pub fn memory_tree(files: &[MemoryFile]) -> Result<OwnedFd> {
    make(files).map_err(Error::host("make files in memory"))
}

fn make(files: &[MemoryFile]) -> io::Result<OwnedFd> {
    let pages: usize = files.iter().map(|file| file.data.len().div_ceil(PAGE_BYTES)).sum();
    let text = |number: usize| CString::new(number.to_string()).map_err(io::Error::from);
    let context = Context::open(c"tmpfs")?;
    context.set(c"source", c"tmpfs")?;
    context.set(c"mode", c"0755")?;
    context.set(c"size", &text((pages + SPARE) * PAGE_BYTES)?)?;
    context.set(c"nr_inodes", &text(files.len() + SPARE)?)?;
    // Older kernels do not know it.
    let _ = context.set_flag(c"noswap");
    let tree = context.mount(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC)?;
    for (index, file) in files.iter().enumerate() {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        let made = openat(tree.as_fd(), name(index).as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let mut made = File::from(made);
        made.write_all(&file.data)?;
        fchown(&made, Some(Uid::from_raw(file.uid)), Some(Gid::from_raw(file.gid)))?;
        fchmod(&made, Mode::from_bits_truncate(file.mode & MODE_BITS))?;
    }
    Ok(tree)
}

/// What a file is called in the tree.
pub(crate) fn name(index: usize) -> String {
    index.to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn files_are_in_memory_and_nowhere_in_the_mount_table() {
        let file = MemoryFile {
            target: "/run/secrets/key".into(),
            data: b"hunter2".to_vec(),
            uid: 7,
            gid: 8,
            mode: 0o440,
        };
        assert!(!format!("{file:?}").contains(&format!("{:?}", file.data)));
        let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let tree = memory_tree(&[file]).expect("a tree; it needs root");
        assert_eq!(
            std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count(),
            before.lines().count()
        );
        let opened = openat(tree.as_fd(), "0", OFlag::O_RDONLY, Mode::empty()).unwrap();
        let mut opened = File::from(opened);
        let mut text = String::new();
        opened.read_to_string(&mut text).unwrap();
        let metadata = opened.metadata().unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!(
            (text.as_str(), metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
            ("hunter2", 7, 8, 0o440)
        );
    }
}
