//! How much room a tree takes on the disk, counted as `du` counts: blocks, each file once however many names it has.
//!
//! Inputs: a directory whose shape an attacker may have chosen, and which a container may be changing. Outputs: bytes.
//! One open directory at any depth, no recursion, no link is followed. Where somebody moves directories while they are
//! counted, the count ends early rather than leaving the tree.

use std::{
    collections::HashSet,
    ffi::CString,
    fs, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat},
    io::Errno,
};

/// Bytes of one unit of `st_blocks`; stat(2).
const BLOCK_BYTES: u64 = 512;
/// Most entries of a tree that are counted; more are an error.
const MAX_ENTRIES: u64 = 50_000_000;
const OPEN_DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The bytes that a file, or a directory with all that is in it, takes on the disk; none if it is not there.
///
/// # Errors
/// If a directory cannot be read, or there are more entries than is sane.
pub fn disk_bytes(path: &Path) -> io::Result<u64> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let own = metadata.blocks() * BLOCK_BYTES;
    if !metadata.is_dir() {
        return Ok(own);
    }
    let top = match rustix::fs::openat(CWD, path, OPEN_DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(0),
        other => other?,
    };
    Ok(own + Count::default().tree(top)?)
}

/// A directory whose subdirectories are being counted.
struct Level {
    id: (u64, u64),
    left: Vec<CString>,
}

#[derive(Default)]
struct Count {
    bytes: u64,
    entries: u64,
    /// Files with several names that were counted.
    seen: HashSet<(u64, u64)>,
}

impl Count {
    fn tree(mut self, top: OwnedFd) -> io::Result<u64> {
        let mut levels = vec![self.level(top.as_fd())?];
        let mut at = top;
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.left.pop() {
                match rustix::fs::openat(&at, &name, OPEN_DIRECTORY, Mode::empty()) {
                    Ok(below) => {
                        levels.push(self.level(below.as_fd())?);
                        at = below;
                    }
                    // Gone or replaced since it was listed.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            levels.pop();
            let Some(above) = levels.last() else { break };
            at = rustix::fs::openat(&at, c"..", OPEN_DIRECTORY, Mode::empty())?;
            let stat = rustix::fs::fstat(&at)?;
            if (stat.st_dev, stat.st_ino) != above.id {
                // It was moved while we were in it: above it is not ours to count.
                break;
            }
        }
        Ok(self.bytes)
    }

    /// Counts the entries of one directory.
    fn level(&mut self, directory: BorrowedFd<'_>) -> io::Result<Level> {
        let own = rustix::fs::fstat(directory)?;
        let mut left = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                other => other?,
            };
            self.add(&stat)?;
            if FileType::from_raw_mode(stat.st_mode).is_dir() {
                left.push(name.to_owned());
            }
        }
        Ok(Level { id: (own.st_dev, own.st_ino), left })
    }

    fn add(&mut self, stat: &Stat) -> io::Result<()> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many files to count"));
        }
        let is_dir = FileType::from_raw_mode(stat.st_mode).is_dir();
        if is_dir || stat.st_nlink < 2 || self.seen.insert((stat.st_dev, stat.st_ino)) {
            self.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK_BYTES;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn du(path: &Path) -> u64 {
        let said = Command::new("du").args(["-s", "-B1"]).arg(path).output().unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
    }

    #[test]
    fn counts_as_du_does() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        let mut deep = root.clone();
        for _ in 0..40 {
            deep = deep.join("directory");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("small"), "x").unwrap();
        fs::write(root.join("large"), vec![1; 300_000]).unwrap();
        fs::hard_link(root.join("large"), deep.join("again")).unwrap();
        fs::File::create(root.join("sparse")).unwrap().set_len(1 << 30).unwrap();
        std::os::unix::fs::symlink("/", root.join("outside")).unwrap();
        assert_eq!(disk_bytes(&root).unwrap(), du(&root));
        assert_eq!(disk_bytes(&root.join("large")).unwrap(), du(&root.join("large")));
        assert_eq!(disk_bytes(&root.join("none")).unwrap(), 0);
    }

    #[test]
    fn depth_takes_no_descriptors() {
        let dir = tempfile::tempdir().unwrap();
        let mut at = rustix::fs::openat(CWD, dir.path(), OPEN_DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "d", Mode::from_raw_mode(0o700)).unwrap();
            at = rustix::fs::openat(&at, "d", OPEN_DIRECTORY, Mode::empty()).unwrap();
        }
        disk_bytes(dir.path()).unwrap();
        // The test's own clean-up recurses; ours does not.
        crate::store::remove(&dir.path().join("d")).unwrap();
    }
}
