//! A writable layer against what is below it, by overlayfs' rules: a device 0:0 hides a name, an attribute makes a directory
//! hide all that is below it, everything else stands in for what has its name below.
//!
//! Told as Docker does: a directory in which something changed has changed, what was copied up and is as before has not.

use super::change::{Change, ChangeKind};
use crate::tree;
use rustix::fs::{FileType, Stat};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most changes that are told.
const MAX_CHANGES: usize = 1_000_000;
/// How deep a layer may be.
const MAX_DEPTH: usize = 512;

/// All changes in the order of paths, but for what is `made` by the engine.
pub(super) fn compare(
    upper: BorrowedFd<'_>,
    lower: Option<BorrowedFd<'_>>,
    made: &BTreeSet<Vec<u8>>,
) -> io::Result<Vec<Change>> {
    let mut comparison = Comparison { made, changes: Vec::new(), path: Vec::new(), depth: 0 };
    comparison.directory(upper, lower)?;
    Ok(comparison.changes)
}

struct Comparison<'a> {
    made: &'a BTreeSet<Vec<u8>>,
    changes: Vec<Change>,
    /// Of the directory being compared, with a slash before each name.
    path: Vec<u8>,
    depth: usize,
}

impl Comparison<'_> {
    fn directory(&mut self, upper: BorrowedFd<'_>, lower: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the layer is too deep"));
        }
        let mut names: BTreeSet<CString> = tree::names(upper)?.into_iter().collect();
        let mut hidden = BTreeSet::new();
        if let Some(lower) = lower
            && tree::is_opaque(upper)?
        {
            hidden = tree::names(lower)?.into_iter().filter(|name| !names.contains(name)).collect();
            names.extend(hidden.iter().cloned());
        }
        for name in names {
            let length = self.path.len();
            self.path.push(b'/');
            self.path.extend_from_slice(name.to_bytes());
            if hidden.contains(&name) {
                self.tell(ChangeKind::Deleted)?;
            } else if !self.made.contains(&self.path[1..]) {
                self.entry(upper, lower, &name)?;
            }
            self.path.truncate(length);
        }
        self.depth -= 1;
        Ok(())
    }

    fn entry(
        &mut self,
        upper: BorrowedFd<'_>,
        lower: Option<BorrowedFd<'_>>,
        name: &CString,
    ) -> io::Result<()> {
        let Some((opened, stat)) = look(upper, name)? else { return Ok(()) };
        let below = lower.map(|lower| look(lower, name)).transpose()?.flatten();
        match (tree::is_whiteout(&stat), &below) {
            (true, Some(_)) => return self.tell(ChangeKind::Deleted),
            (true, None) => return Ok(()),
            (false, _) => {}
        }
        let kind = if below.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        if !is_dir(&stat) {
            let same = below.is_some_and(|(_, below)| is_same(&stat, &below));
            return if same { Ok(()) } else { self.tell(kind) };
        }
        let merged = below.filter(|(_, below)| is_dir(below));
        let same = merged.as_ref().is_some_and(|(_, below)| is_same(&stat, below));
        let told = self.changes.len();
        self.tell(kind)?;
        self.directory(opened.as_fd(), merged.as_ref().map(|(below, _)| below.as_fd()))?;
        if same && self.changes.len() == told + 1 {
            self.changes.pop();
        }
        Ok(())
    }

    fn tell(&mut self, kind: ChangeKind) -> io::Result<()> {
        if self.changes.len() >= MAX_CHANGES {
            let words = format!("more than {MAX_CHANGES} changes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        self.changes.push(Change { path: String::from_utf8_lossy(&self.path).into_owned(), kind });
        Ok(())
    }
}

pub(crate) fn look(directory: BorrowedFd<'_>, name: &CString) -> io::Result<Option<(OwnedFd, Stat)>> {
    match tree::child(directory, name) {
        Ok(opened) => {
            let stat = tree::stat(opened.as_fd())?;
            Ok(Some((opened, stat)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_dir()
}

/// Size and time of a directory say nothing.
pub(crate) fn is_same(a: &Stat, b: &Stat) -> bool {
    let owned = (a.st_mode, a.st_uid, a.st_gid, a.st_rdev) == (b.st_mode, b.st_uid, b.st_gid, b.st_rdev);
    let filled = (a.st_size, a.st_mtime, a.st_mtime_nsec) == (b.st_size, b.st_mtime, b.st_mtime_nsec);
    owned && (is_dir(a) || filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, XattrFlags};
    use std::fs::{self, File};
    use std::path::Path;

    fn told(upper: &Path, lower: Option<&Path>) -> Vec<String> {
        let upper = File::open(upper).unwrap();
        let lower = lower.map(|lower| File::open(lower).unwrap());
        let lower = lower.as_ref().map(AsFd::as_fd);
        let made = super::super::made::made(upper.as_fd(), lower).unwrap();
        let changes = compare(upper.as_fd(), lower, &made).unwrap();
        changes.iter().map(|change| format!("{:?} {}", change.kind, change.path)).collect()
    }

    fn whiteout(path: &Path) {
        rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    }

    #[test]
    fn dockers_rules() {
        assert!(nix::unistd::geteuid().is_root(), "this test makes devices: run it as root");
        let root = tempfile::tempdir().unwrap();
        let (upper, lower) = (root.path().join("u"), root.path().join("l"));
        for dir in ["keep/in", "gone", "again/old", "same", "etc"] {
            fs::create_dir_all(lower.join(dir)).unwrap();
        }
        for file in ["keep/in/file", "etc/hosts", "file", "again/kept"] {
            fs::write(lower.join(file), "1").unwrap();
        }
        fs::create_dir_all(upper.join("keep/in")).unwrap();
        fs::write(upper.join("keep/in/file"), "changed").unwrap();
        fs::create_dir_all(upper.join("new/sub")).unwrap();
        fs::write(upper.join("new/sub/file"), "").unwrap();
        // Copied up, and as before.
        fs::create_dir(upper.join("same")).unwrap();
        whiteout(&upper.join("gone"));
        whiteout(&upper.join("never"));
        // Removed and made again.
        fs::create_dir_all(upper.join("again")).unwrap();
        fs::write(upper.join("again/kept"), "22").unwrap();
        rustix::fs::setxattr(upper.join("again"), "trusted.overlay.opaque", b"y", XattrFlags::empty())
            .unwrap();
        // A file in the place of a directory.
        fs::write(upper.join("file"), "other").unwrap();
        // The engine's own.
        fs::write(upper.join(".dockerenv"), "").unwrap();
        fs::create_dir_all(upper.join("dev/pts")).unwrap();
        fs::create_dir_all(upper.join("etc")).unwrap();
        fs::write(upper.join("etc/hostname"), "").unwrap();
        fs::write(upper.join("etc/resolv.conf"), "the container's").unwrap();
        assert_eq!(
            told(&upper, Some(&lower)),
            [
                "Modified /again",
                "Modified /again/kept",
                "Deleted /again/old",
                "Modified /etc",
                "Added /etc/resolv.conf",
                "Modified /file",
                "Deleted /gone",
                "Modified /keep",
                "Modified /keep/in",
                "Modified /keep/in/file",
                "Added /new",
                "Added /new/sub",
                "Added /new/sub/file",
            ]
        );
        assert!(told(&upper, None).contains(&"Added /keep/in/file".to_owned()));
    }
}
