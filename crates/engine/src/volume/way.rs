//! The way to what is in a volume, wherever it lies.

use super::attach::place;
use super::{Error, Sources, Volume};
use crate::error::{Error as EngineError, Result};
use crate::record::{MountPoint, Record};
use crate::shared::{Shared, containers_dir};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// Where a mount of a volume would be that nobody has mounted.
const NOWHERE: &str = "/";
/// How often a path is tried that others are changing.
const ATTEMPTS: usize = 16;

/// The way to a volume's files.
pub(crate) enum Way {
    /// A directory of the host.
    Directory(PathBuf),
    /// Memory that a container has: its root, and the place in it.
    Guest(PathBuf, PathBuf),
    /// To be mounted, over any directory.
    Mount(Box<runtime::oci::Mount>, PathBuf),
}

impl Way {
    /// Finds it.
    ///
    /// # Errors
    /// If what is in the volume lies nowhere now.
    pub(crate) async fn find(shared: &Shared, volume: &Volume) -> Result<Way> {
        let mut point = MountPoint {
            kind: "volume".into(),
            destination: NOWHERE.into(),
            rw: true,
            ..MountPoint::default()
        };
        place(&mut point, volume, false)?;
        if point.is_of_host() {
            return Ok(Way::Directory(point.source.into()));
        }
        let sources = Sources::of_point(shared, &Record::default(), &point).await?;
        if !point.is_memory() {
            return Ok(Way::Mount(Box::new(sources.mount(&point)), containers_dir(&shared.config)));
        }
        if shared.config.userns.is_some() {
            return Err(EngineError::NotImplemented("the archive of a volume in memory with userns-remap"));
        }
        let (root, inside) = sources.guest().ok_or_else(|| Error::InNoMemory(volume.name.clone()))?;
        Ok(Way::Guest(root.clone(), inside.clone()))
    }

    /// Runs `work` with the directory. Blocks.
    ///
    /// # Errors
    /// If it cannot be opened or mounted.
    pub(crate) fn with<T: Send>(&self, work: impl FnOnce(BorrowedFd<'_>) -> Result<T> + Send) -> Result<T> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match self {
            Way::Directory(path) => {
                let opened = rustix::fs::openat(CWD, path, flags, Mode::empty());
                work(opened.map_err(|error| EngineError::io("open", path)(error.into()))?.as_fd())
            }
            Way::Guest(root, inside) => {
                let failed =
                    |error: rustix::io::Errno| EngineError::io("open", root.join(inside))(error.into());
                let root = rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(failed)?;
                work(beneath(&root, inside).map_err(failed)?.as_fd())
            }
            Way::Mount(mount, place) => {
                let done = runtime::view::with_mount(mount, place, work);
                done.map_err(|error| EngineError::Files(error.to_string()))?
            }
        }
    }
}

/// The container may have laid links there by now, which lead to the host's files: none is followed.
fn beneath(root: &OwnedFd, path: &std::path::Path) -> Result<OwnedFd, rustix::io::Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(rustix::io::Errno::AGAIN) => {}
            other => return other,
        }
    }
    Err(rustix::io::Errno::AGAIN)
}
