//! Visiting a tree, each directory before what is in it, in the order of names.

use super::open::{child, directory, stat};
use rustix::fs::{Dir, FileType, Stat};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How deep a tree may be: each level keeps a directory open.
const MAX_DEPTH: usize = 512;

/// A walk. Between two steps the tree may change: what is gone by then is not visited.
pub(crate) struct Walk {
    levels: Vec<Level>,
    /// The directory visited last, which is entered unless somebody says no.
    entering: Option<Level>,
    path: Vec<u8>,
}

struct Level {
    directory: OwnedFd,
    /// Last name first.
    names: Vec<CString>,
    /// How long the path of its entries' directory is.
    path_length: usize,
}

/// One step.
pub(crate) enum Step<'a> {
    /// Something is visited.
    Entry(Entry<'a>),
    /// All of a directory was visited: the one entered last and not left.
    Leave,
}

/// What is visited.
pub(crate) struct Entry<'a> {
    /// Beneath the top, without a slash at either end.
    pub(crate) path: &'a [u8],
    /// Its own name.
    pub(crate) name: CString,
    /// Opened as a path, itself and not what it points to.
    pub(crate) opened: OwnedFd,
    pub(crate) stat: Stat,
}

impl Entry<'_> {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.opened.as_fd()
    }
}

impl Walk {
    /// Begins in an opened directory, which is not visited itself.
    pub(crate) fn new(top: BorrowedFd<'_>) -> io::Result<Walk> {
        let top = Level::open(top, 0)?;
        Ok(Walk { levels: vec![top], entering: None, path: Vec::new() })
    }

    /// Does not enter the directory that was visited last.
    pub(crate) fn skip(&mut self) {
        self.entering = None;
    }

    /// The next step; `None` at the end. The end of the top is no step.
    pub(crate) fn next(&mut self) -> io::Result<Option<Step<'_>>> {
        if let Some(level) = self.entering.take() {
            if self.levels.len() >= MAX_DEPTH {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the tree is too deep"));
            }
            self.levels.push(level);
        }
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            self.path.truncate(level.path_length);
            let Some(name) = level.names.pop() else {
                self.levels.pop();
                return Ok((!self.levels.is_empty()).then_some(Step::Leave));
            };
            let opened = match child(level.directory.as_fd(), &name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let stat = stat(opened.as_fd())?;
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.to_bytes());
            if FileType::from_raw_mode(stat.st_mode).is_dir() {
                self.entering = Some(Level::open(opened.as_fd(), self.path.len())?);
            }
            return Ok(Some(Step::Entry(Entry { path: &self.path, name, opened, stat })));
        }
    }
}

impl Level {
    fn open(opened: BorrowedFd<'_>, path_length: usize) -> io::Result<Level> {
        let directory = directory(opened)?;
        let names = listed(directory.as_fd())?;
        Ok(Level { directory, names, path_length })
    }
}

/// The names in an opened directory, last first.
pub(crate) fn names(opened: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    listed(directory(opened)?.as_fd())
}

/// The names in a directory that can be listed, last first.
fn listed(directory: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn visited(top: &Path) -> io::Result<Vec<String>> {
        let top = fs::File::open(top).unwrap();
        let mut walk = Walk::new(top.as_fd())?;
        let mut all = Vec::new();
        let mut depth = 0;
        while let Some(step) = walk.next()? {
            match step {
                Step::Leave => depth -= 1,
                Step::Entry(entry) => {
                    let path = String::from_utf8_lossy(entry.path).into_owned();
                    let is_dir = entry.kind().is_dir();
                    assert!(path.ends_with(entry.name.to_str().unwrap()));
                    if path == "closed" {
                        walk.skip();
                    } else if is_dir {
                        depth += 1;
                    }
                    all.push(path);
                }
            }
        }
        assert_eq!(depth, 0);
        Ok(all)
    }

    #[test]
    fn in_order_and_never_through_links() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        for dir in ["b/c", "closed/x", "a"] {
            fs::create_dir_all(top.join(dir)).unwrap();
        }
        fs::write(top.join("b/c/d"), "").unwrap();
        std::os::unix::fs::symlink("/", top.join("b/link")).unwrap();
        assert_eq!(visited(top).unwrap(), ["a", "b", "b/c", "b/c/d", "b/link", "closed"]);
    }

    #[test]
    fn a_tree_without_end_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let mut deep = top.path().to_owned();
        for _ in 0..=MAX_DEPTH {
            deep.push("d");
            fs::create_dir(&deep).unwrap();
        }
        assert!(visited(top.path()).unwrap_err().to_string().contains("too deep"));
    }
}
