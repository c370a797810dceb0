//! Filling new volumes with what the image has in their place.
//!
//! Only a volume with nothing in it is filled (CVE-2020-1726), and of it only what is missing, so that a fill that was cut
//! short is completed by the next container. Links of the image are followed within the image.

use super::Volume;
use super::disk;
use super::option::Place;
use crate::error::{Error, Result};
use crate::spec::Invalid;
use crate::tree::{self, Step, Walk};
use runtime::view::View;
use rustix::fs::{FileType, OFlags};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most files of a volume that are counted for its size.
const MAX_COUNTED: u64 = 10_000_000;

/// A volume that may have to be filled.
#[derive(Debug, Clone)]
pub(super) struct Fill {
    pub(super) volume: Arc<Volume>,
    /// Its place in the container.
    pub(super) target: String,
    /// Whether the image may have nothing but a directory there.
    pub(super) declared: bool,
}

/// Fills those that are to be filled from an image's layers, topmost first. `place` is any directory. Blocks.
pub(super) fn fill(fills: &[Fill], layers: &[PathBuf], place: &Path) -> Result<()> {
    let mut due = Vec::new();
    for fill in fills {
        match disk::place(&fill.volume)? {
            Place::Own if fill.declared || is_due(&fill.volume, &fill.volume.mountpoint) => {
                due.push((fill, fill.volume.mountpoint.clone()));
            }
            Place::Directory { path, .. } if is_due(&fill.volume, Path::new(&path)) => {
                due.push((fill, path.into()));
            }
            // New memory is filled when it is mounted; what is on a device or a server is somebody's already.
            Place::Own | Place::Directory { .. } | Place::Memory(_) | Place::FileSystem { .. } => {}
        }
    }
    if due.is_empty() || layers.is_empty() {
        return Ok(());
    }
    let view = View { lowers: layers.to_vec(), place: place.to_owned(), ..View::default() };
    let filled = view.with(|root| due.iter().try_for_each(|(fill, data)| fill_one(root, fill, data)));
    filled.map_err(|error| Error::Machine(error.to_string()))?
}

fn is_due(volume: &Volume, data: &Path) -> bool {
    let is_empty = fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_none());
    is_empty || disk::is_filling(volume)
}

fn fill_one(root: BorrowedFd<'_>, fill: &Fill, data: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io("fill volume", data)(error);
    let Some(from) = found(root, &fill.target).map_err(failed)? else { return Ok(()) };
    let is_dir = rustix::fs::fstat(&from).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir());
    if !is_dir {
        return if fill.declared { Err(Invalid::VolumeOverFile(fill.target.clone()).into()) } else { Ok(()) };
    }
    if !is_due(&fill.volume, data) {
        return Ok(());
    }
    let to = File::open(data).map_err(failed)?;
    disk::begin_filling(&fill.volume)?;
    tree::copy_into_empty(from.as_fd(), to.as_fd()).map_err(failed)?;
    disk::end_filling(&fill.volume)
}

fn found(root: BorrowedFd<'_>, target: &str) -> io::Result<Option<OwnedFd>> {
    match tree::open_in(root, target.as_bytes(), OFlags::empty()) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The bytes of all files beneath a directory.
pub(super) fn size(place: &Path) -> io::Result<u64> {
    let top = File::open(place)?;
    let mut walk = Walk::new(top.as_fd())?;
    let (mut bytes, mut counted) = (0, 0);
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        counted += 1;
        if counted > MAX_COUNTED {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many files to count"));
        }
        if entry.kind().is_file() {
            bytes += u64::try_from(entry.stat.st_size).unwrap_or(0);
        }
    }
    Ok(bytes)
}
