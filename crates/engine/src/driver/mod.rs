//! Storage drivers: how the files of a container are kept, and what follows from it for all who look at them.
//!
//! With `overlay2` a container has a writable layer over those of its image, which the kernel shows as one tree. Where the
//! kernel cannot do that, `vfs` and `btrfs` give each container a tree of its own, copied of the layers when it is
//! created; on btrfs and xfs the copy shares its blocks with them. What such a container changed is found by comparing.
//!
//! Inputs: the directories that the store of images prepared. Outputs: [`Files`], and for `diff`, `commit` and sizes a
//! writable layer as overlayfs would have it ([`layer`]).

mod difference;
mod layer;

use crate::error::{Error, Result};
use crate::tree::{self, Contents};
use runtime::view::Changes;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(crate) use layer::Layer;

/// How the files of containers are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StorageDriver {
    /// A writable layer over those of the image, shown as one tree by overlayfs.
    #[default]
    Overlay2,
    /// A tree of its own for each container, which shares its blocks with the image's; only on btrfs.
    Btrfs,
    /// A tree of its own for each container, on any file system.
    Vfs,
}

impl StorageDriver {
    /// Docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            StorageDriver::Overlay2 => "overlay2",
            StorageDriver::Btrfs => "btrfs",
            StorageDriver::Vfs => "vfs",
        }
    }

    /// Whether each container has a tree of its own.
    pub fn has_trees(self) -> bool {
        self != StorageDriver::Overlay2
    }
}

impl FromStr for StorageDriver {
    type Err = ();

    fn from_str(name: &str) -> std::result::Result<Self, ()> {
        match name {
            "overlay2" | "overlay" => Ok(StorageDriver::Overlay2),
            "btrfs" => Ok(StorageDriver::Btrfs),
            "vfs" => Ok(StorageDriver::Vfs),
            _ => Err(()),
        }
    }
}

/// The files of one container.
#[derive(Debug, Clone)]
pub(crate) enum Files {
    /// Layers that overlayfs shows as one tree.
    Layers(image::Rootfs),
    /// A tree of its own.
    Tree {
        root: PathBuf,
        /// Of the image, topmost first.
        layers: Vec<PathBuf>,
        /// For what is made on the way.
        work: PathBuf,
    },
}

impl Files {
    /// What was prepared, as this driver keeps it.
    pub(crate) fn of(driver: StorageDriver, rootfs: image::Rootfs) -> Files {
        if driver.has_trees() {
            Files::Tree { root: rootfs.upper, layers: rootfs.lowers, work: rootfs.work }
        } else {
            Files::Layers(rootfs)
        }
    }

    /// Where a file of the container itself is written.
    pub(crate) fn own(&self) -> &Path {
        match self {
            Files::Layers(rootfs) => &rootfs.upper,
            Files::Tree { root, .. } => root,
        }
    }

    /// What the runtime makes the root of the container of.
    pub(crate) fn rootfs(self) -> runtime::Rootfs {
        match self {
            Files::Layers(image::Rootfs { lowers, upper, work }) => {
                runtime::Rootfs::Overlay { lowers, upper, work }
            }
            Files::Tree { root, .. } => runtime::Rootfs::Path(root),
        }
    }

    /// All that is there, as layers that nobody writes to, topmost first.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        match self {
            Files::Layers(rootfs) => std::iter::once(&rootfs.upper).chain(&rootfs.lowers).cloned().collect(),
            Files::Tree { root, .. } => vec![root.clone()],
        }
    }

    /// What the image has, likewise. In a tree that was just made it is all there is.
    pub(crate) fn of_image(&self) -> Vec<PathBuf> {
        match self {
            Files::Layers(rootfs) => rootfs.lowers.clone(),
            Files::Tree { root, .. } => vec![root.clone()],
        }
    }

    /// For looking at them: a second mount of a writable layer would be in the way of the container's start; mount points
    /// that are missing are made in memory.
    pub(crate) fn for_reading(self) -> (Vec<PathBuf>, Changes) {
        match self {
            Files::Layers(_) => (self.all(), Changes::Forgotten),
            Files::Tree { root, .. } => (vec![root], Changes::InPlace),
        }
    }

    /// For writing to them while the container does not run.
    pub(crate) fn for_writing(self) -> (Vec<PathBuf>, Changes) {
        match self {
            Files::Layers(image::Rootfs { lowers, upper, work }) => (lowers, Changes::Kept { upper, work }),
            Files::Tree { root, .. } => (vec![root], Changes::InPlace),
        }
    }

    /// Makes the tree of a new container, whose root is there and empty. Blocks.
    ///
    /// A death on the way leaves a container that was never acknowledged: the next start removes it.
    pub(crate) fn fill(&self) -> Result<()> {
        let Files::Tree { root, layers, .. } = self else { return Ok(()) };
        fault::point("create: copy the image's files");
        copied(root, layers, Contents::Copied).map_err(Error::io("copy the image's files to", root))
    }

    /// Removes what a death left of a comparison. Blocks.
    pub(crate) fn sweep(&self) {
        let Files::Tree { work, .. } = self else { return };
        for entry in fs::read_dir(work).into_iter().flatten().flatten() {
            fault::point("layer: sweep");
            if let Err(error) = fs::remove_dir_all(entry.path()) {
                tracing::warn!(%error, path = %entry.path().display(), "cannot delete");
            }
        }
    }
}

fn copied(to: &Path, layers: &[PathBuf], contents: Contents) -> io::Result<()> {
    let layers: Vec<OwnedFd> =
        layers.iter().map(|layer| File::open(layer).map(OwnedFd::from)).collect::<io::Result<_>>()?;
    tree::merge(&layers, File::open(to)?.as_fd(), contents)
}
