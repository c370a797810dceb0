//! What a tree has changed against the one it began as, in the form of overlayfs' writable layer.
//!
//! A file counts as unchanged when kind, owner, mode, size and time of its last change are the same, as with Docker's
//! drivers of this kind. Files are linked, not copied. The tree may be changing meanwhile, by its container.

use crate::layer::{is_dir, is_same, look};
use crate::tree::{self, Contents};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How deep a tree may be.
const MAX_DEPTH: usize = 512;

/// Writes to the empty directory `into` what is otherwise in `tree` than in `base`.
pub(super) fn difference(tree: File, base: File, into: &File) -> io::Result<()> {
    directory(tree.as_fd(), base.as_fd(), into.as_fd(), 0)?;
    tree::copy_attributes(tree.as_fd(), into.as_fd())
}

/// True if anything was written.
fn directory(
    tree: BorrowedFd<'_>,
    base: BorrowedFd<'_>,
    into: BorrowedFd<'_>,
    depth: usize,
) -> io::Result<bool> {
    if depth > MAX_DEPTH {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the tree is too deep"));
    }
    let mut names: BTreeSet<CString> = tree::names(tree)?.into_iter().collect();
    names.extend(tree::names(base)?);
    let mut is_changed = false;
    for name in names {
        let (now, before) = (look(tree, &name)?, look(base, &name)?);
        is_changed |= match (now, before) {
            (None, None) => false,
            (None, Some(_)) => {
                rustix::fs::mknodat(into, &name, FileType::CharacterDevice, Mode::empty(), 0)?;
                true
            }
            (Some((now, stat)), Some((before, old))) if is_dir(&stat) && is_dir(&old) => {
                let made = make(into, &name)?;
                let within = directory(now.as_fd(), before.as_fd(), made.as_fd(), depth + 1)?;
                let is_kept = within || !is_same(&stat, &old);
                if is_kept {
                    tree::copy_attributes(now.as_fd(), made.as_fd())?;
                } else {
                    rustix::fs::unlinkat(into, &name, AtFlags::REMOVEDIR)?;
                }
                is_kept
            }
            (Some((_, stat)), Some((_, old))) if is_same(&stat, &old) => false,
            (Some((now, stat)), _) => {
                whole(now, &stat, into, &name)?;
                true
            }
        };
    }
    Ok(is_changed)
}

/// Something that the base does not have, or has otherwise.
fn whole(now: OwnedFd, stat: &Stat, into: BorrowedFd<'_>, name: &CString) -> io::Result<()> {
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::Directory => {
            let made = make(into, name)?;
            // The top comes with its attributes.
            tree::merge(&[now], made.as_fd(), Contents::Linked)
        }
        FileType::Symlink => {
            rustix::fs::symlinkat(tree::read_link(&now)?.as_c_str(), into, name)?;
            let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
            Ok(rustix::fs::chownat(into, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?)
        }
        FileType::Socket | FileType::Unknown => Ok(()),
        // A link to it, which has all its attributes.
        _ => tree::link(now.as_fd(), into, name),
    }
}

fn make(into: BorrowedFd<'_>, name: &CString) -> io::Result<OwnedFd> {
    rustix::fs::mkdirat(into, name, Mode::from_raw_mode(0o700))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(into, name, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::is_whiteout;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;

    fn opened(path: &Path) -> OwnedFd {
        File::open(path).unwrap().into()
    }

    fn is_hidden(path: &Path) -> bool {
        is_whiteout(&rustix::fs::lstat(path).unwrap())
    }

    #[test]
    fn layers_become_a_tree_and_its_changes_a_layer() {
        assert!(nix::unistd::geteuid().is_root(), "this test makes devices: run it as root");
        let root = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let (low, high, tree, base, upper) =
            (dir("low"), dir("high"), dir("tree"), dir("base"), dir("upper"));
        for name in ["kept/in", "hidden", "opaque", "replaced"] {
            fs::create_dir_all(low.join(name)).unwrap();
            fs::write(low.join(name).join("file"), "low").unwrap();
        }
        fs::write(low.join("gone"), "low").unwrap();
        for name in ["kept", "opaque"] {
            fs::create_dir(high.join(name)).unwrap();
            fs::write(high.join(name).join("more"), "high").unwrap();
        }
        fs::set_permissions(high.join("kept"), fs::Permissions::from_mode(0o711)).unwrap();
        fs::write(high.join("replaced"), "high").unwrap();
        for name in ["hidden", "gone"] {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                high.join(name),
                FileType::CharacterDevice,
                Mode::empty(),
                0,
            )
            .unwrap();
        }
        rustix::fs::setxattr(
            high.join("opaque"),
            "trusted.overlay.opaque",
            b"y",
            rustix::fs::XattrFlags::empty(),
        )
        .unwrap();
        let layers = [opened(&high), opened(&low)];
        tree::merge(&layers, opened(&tree).as_fd(), Contents::Copied).unwrap();
        tree::merge(&layers, opened(&base).as_fd(), Contents::Linked).unwrap();
        assert_eq!(fs::read_to_string(tree.join("kept/in/file")).unwrap(), "low");
        assert_eq!(fs::read_to_string(tree.join("kept/more")).unwrap(), "high");
        assert_eq!(fs::metadata(tree.join("kept")).unwrap().mode() & 0o7777, 0o711);
        assert_eq!(fs::read_to_string(tree.join("replaced")).unwrap(), "high");
        for gone in ["hidden", "gone", "opaque/file"] {
            assert!(fs::symlink_metadata(tree.join(gone)).is_err(), "{gone}");
        }
        let ino = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(ino(&base.join("kept/more")), ino(&high.join("kept/more")));
        assert_ne!(ino(&tree.join("kept/more")), ino(&high.join("kept/more")));

        // As it began: no change at all.
        difference(File::open(&tree).unwrap(), File::open(&base).unwrap(), &File::open(&upper).unwrap())
            .unwrap();
        assert_eq!(fs::read_dir(&upper).unwrap().count(), 0);

        fs::write(tree.join("kept/in/file"), "changed").unwrap();
        fs::remove_file(tree.join("kept/more")).unwrap();
        fs::remove_dir_all(tree.join("opaque")).unwrap();
        fs::create_dir_all(tree.join("new/sub")).unwrap();
        fs::write(tree.join("new/sub/file"), "new").unwrap();
        difference(File::open(&tree).unwrap(), File::open(&base).unwrap(), &File::open(&upper).unwrap())
            .unwrap();
        assert_eq!(fs::read_to_string(upper.join("kept/in/file")).unwrap(), "changed");
        assert_eq!(fs::read_to_string(upper.join("new/sub/file")).unwrap(), "new");
        assert!(is_hidden(&upper.join("kept/more")) && is_hidden(&upper.join("opaque")));
        assert!(!upper.join("replaced").exists());
        assert_eq!(fs::read_to_string(low.join("kept/in/file")).unwrap(), "low");
    }
}
