//! Deleting trees whose shape an attacker chose.
//!
//! Two open directories at any depth and no recursion: a tree of thousands of nested directories takes neither the
//! stack nor the table of open files. No symbolic link is ever followed.

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};

const OPEN_DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes a file or a whole tree; nothing there is fine.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fault::point("image: delete");
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.is_dir() => fs::remove_file(path),
        Ok(_) => {
            let top = rustix::fs::openat(CWD, path, OPEN_DIRECTORY, Mode::empty())?;
            clear(&top)?;
            fs::remove_dir(path)
        }
    }
}

/// Removes what has this name in an open directory: a file, or a whole tree.
pub(crate) fn remove_at(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return Ok(other?),
    }
    let top = rustix::fs::openat(directory, name, OPEN_DIRECTORY, Mode::empty())?;
    clear(&top)?;
    Ok(rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?)
}

/// Empties a directory: subdirectories that are not empty give their own subdirectories to the top, until none is left.
fn clear(top: &OwnedFd) -> io::Result<()> {
    let mut moved: u64 = 0;
    loop {
        let mut found = false;
        for (name, is_dir) in entries(top.as_fd())? {
            found = true;
            if !is_dir {
                rustix::fs::unlinkat(top, &name, AtFlags::empty())?;
                continue;
            }
            if remove_empty(top.as_fd(), &name)? {
                continue;
            }
            let sub = rustix::fs::openat(top, &name, OPEN_DIRECTORY, Mode::empty())?;
            flatten(top.as_fd(), sub.as_fd(), &mut moved)?;
            remove_empty(top.as_fd(), &name)?;
        }
        if !found {
            return Ok(());
        }
    }
}

/// Removes the files of `sub` and moves its directories to `top`, under names that are free there.
fn flatten(top: BorrowedFd<'_>, sub: BorrowedFd<'_>, moved: &mut u64) -> io::Result<()> {
    for (name, is_dir) in entries(sub)? {
        if !is_dir {
            rustix::fs::unlinkat(sub, &name, AtFlags::empty())?;
        } else if !remove_empty(sub, &name)? {
            loop {
                *moved += 1;
                let free = format!(".trash-{moved}");
                match rustix::fs::renameat_with(sub, &name, top, &free, rustix::fs::RenameFlags::NOREPLACE) {
                    Err(Errno::EXIST) => continue,
                    other => break other?,
                }
            }
        }
    }
    Ok(())
}

/// True if the directory was empty and is gone.
fn remove_empty(parent: BorrowedFd<'_>, name: &CString) -> io::Result<bool> {
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Some of the entries of a directory; all of them if there are not too many for one look.
fn entries(directory: BorrowedFd<'_>) -> io::Result<Vec<(CString, bool)>> {
    const AT_ONCE: usize = 4096;
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let is_dir = match entry.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode).is_dir()
            }
            known => known.is_dir(),
        };
        found.push((name.to_owned(), is_dir));
        if found.len() == AT_ONCE {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_trees_go_and_links_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let inside = tempfile::tempdir().unwrap();
        let tree = inside.path().join("tree");
        fs::create_dir(&tree).unwrap();
        std::os::unix::fs::symlink(outside.path(), tree.join("link")).unwrap();
        let mut at = rustix::fs::openat(CWD, &tree, OPEN_DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "d", Mode::from_raw_mode(0o700)).unwrap();
            rustix::fs::symlinkat("/etc", &at, "l").unwrap_or(());
            at = rustix::fs::openat(&at, "d", OPEN_DIRECTORY, Mode::empty()).unwrap();
        }
        remove(&tree).unwrap();
        assert!(!tree.exists() && outside.path().join("kept").exists());
        remove(&tree).unwrap();
    }

    #[test]
    fn wide_directories_go() {
        let inside = tempfile::tempdir().unwrap();
        let tree = inside.path().join("tree");
        fs::create_dir_all(tree.join("sub")).unwrap();
        for i in 0..10_000 {
            fs::write(tree.join(format!("sub/{i}")), "").unwrap();
        }
        remove(&tree).unwrap();
        assert!(!tree.exists());
    }
}
