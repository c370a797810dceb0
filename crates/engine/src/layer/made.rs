//! What the engine and the runtime make in every container's layer: mount points and marks, not the container's doing.

use crate::tree;
use rustix::fs::{FileType, OFlags};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;

/// What may be there without the container's doing, as long as it is empty; below before above. Docker's list, from the
/// layer that it puts between an image and a container.
const PLACES: [&str; 12] = [
    ".dockerenv",
    "dev/console",
    "dev/mqueue",
    "dev/pts",
    "dev/shm",
    "dev",
    "etc/hostname",
    "etc/hosts",
    "etc/resolv.conf",
    "etc",
    "proc",
    "sys",
];

/// Those of them that are in the layer and not in the image, as paths without a leading slash.
pub(super) fn made(upper: BorrowedFd<'_>, lower: Option<BorrowedFd<'_>>) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut made = BTreeSet::new();
    for place in PLACES {
        let there = |root: BorrowedFd<'_>| found(root, place.as_bytes());
        if lower.map(there).transpose()?.flatten().is_some() {
            continue;
        }
        let Some(opened) = there(upper)? else { continue };
        let stat = tree::stat(std::os::fd::AsFd::as_fd(&opened))?;
        let is_empty = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => stat.st_size == 0,
            FileType::Directory => tree::names(std::os::fd::AsFd::as_fd(&opened))?
                .iter()
                .all(|name| made.contains(&[place.as_bytes(), b"/", name.to_bytes()].concat())),
            _ => false,
        };
        if is_empty {
            made.insert(place.as_bytes().to_vec());
        }
    }
    Ok(made)
}

fn found(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<Option<std::os::fd::OwnedFd>> {
    match tree::open_in(root, path, OFlags::NOFOLLOW) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
