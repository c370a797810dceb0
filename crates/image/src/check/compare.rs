//! Whether two trees are the same: a layer, and what its blob unpacks to.
//!
//! Compared are names, kinds, modes, owners, sizes, link targets, devices and contents; not times and extended attributes.

use std::{
    ffi::OsString,
    fs, io,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Bytes that are compared at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The first path, relative to both, in which the trees differ.
pub(super) fn difference(one: &Path, other: &Path) -> io::Result<Option<PathBuf>> {
    let mut left = vec![PathBuf::new()];
    while let Some(at) = left.pop() {
        let (here, there) = (one.join(&at), other.join(&at));
        let names = names(&here)?;
        if names != self::names(&there)? {
            return Ok(Some(at));
        }
        for name in names {
            let path = at.join(name);
            match is_same(&one.join(&path), &other.join(&path))? {
                None => return Ok(Some(path)),
                Some(true) => left.push(path),
                Some(false) => {}
            }
        }
    }
    Ok(None)
}

fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// `None`: they differ. Else whether they are directories.
fn is_same(one: &Path, other: &Path) -> io::Result<Option<bool>> {
    let (here, there) = (fs::symlink_metadata(one)?, fs::symlink_metadata(other)?);
    let about = |file: &fs::Metadata| (file.mode(), file.uid(), file.gid(), file.rdev());
    if about(&here) != about(&there) {
        return Ok(None);
    }
    if here.is_dir() {
        return Ok(Some(true));
    }
    let same = if here.is_symlink() {
        fs::read_link(one)? == fs::read_link(other)?
    } else if here.is_file() {
        here.len() == there.len() && has_same_bytes(one, other)?
    } else {
        true
    };
    Ok(same.then_some(false))
}

fn has_same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut here, mut there) = (fs::File::open(one)?, fs::File::open(other)?);
    let (mut a, mut b) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    loop {
        let read = here.read(&mut a)?;
        if read == 0 {
            return Ok(there.read(&mut b)? == 0);
        }
        match there.read_exact(&mut b[..read]) {
            Ok(()) if a[..read] == b[..read] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        for root in [&one, &other] {
            fs::create_dir_all(root.join("a/b")).unwrap();
            fs::write(root.join("a/b/file"), vec![7; 100_000]).unwrap();
            std::os::unix::fs::symlink("b/file", root.join("a/link")).unwrap();
        }
        assert_eq!(difference(&one, &other).unwrap(), None);
        let mut bytes = vec![7; 100_000];
        bytes[99_999] = 8;
        fs::write(other.join("a/b/file"), bytes).unwrap();
        assert_eq!(difference(&one, &other).unwrap(), Some("a/b/file".into()));
        fs::remove_file(other.join("a/b/file")).unwrap();
        assert_eq!(difference(&one, &other).unwrap(), Some("a/b".into()));
    }
}
