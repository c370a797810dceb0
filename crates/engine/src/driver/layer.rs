//! The writable layer of a container and what is below it, whatever the driver.

use super::difference::difference;
use super::{Files, copied};
use crate::error::{Error, Result};
use crate::tree::Contents;
use runtime::view::View;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes names in a container's work directory unique.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// What a container changed, as overlayfs keeps it.
#[derive(Debug)]
pub(crate) struct Layer {
    upper: PathBuf,
    lower: Lower,
    /// What was made for it.
    _draft: Option<Draft>,
}

#[derive(Debug)]
enum Lower {
    /// The image has no files.
    Nothing,
    /// To be mounted.
    View(View),
    Tree(PathBuf),
}

impl Layer {
    /// Finds the layer, or makes it of a tree. `place` is any directory. Blocks.
    pub(crate) fn of(files: &Files, place: PathBuf) -> Result<Layer> {
        match files {
            Files::Layers(rootfs) => {
                let lower = match rootfs.lowers.as_slice() {
                    [] => Lower::Nothing,
                    lowers => Lower::View(View { lowers: lowers.to_vec(), place, ..View::default() }),
                };
                Ok(Layer { upper: rootfs.upper.clone(), lower, _draft: None })
            }
            Files::Tree { root, layers, work } => {
                let draft = Draft::make(work).map_err(Error::io("make a directory in", work))?;
                let (upper, lower) = (draft.0.join("upper"), draft.0.join("lower"));
                let made = fs::create_dir(&upper)
                    .and_then(|()| fs::create_dir(&lower))
                    .and_then(|()| copied(&lower, layers, Contents::Linked))
                    .and_then(|()| difference(File::open(root)?, File::open(&lower)?, &File::open(&upper)?));
                made.map_err(Error::io("compare with its image", root))?;
                Ok(Layer { upper, lower: Lower::Tree(lower), _draft: Some(draft) })
            }
        }
    }

    /// Its directory.
    pub(crate) fn upper(&self) -> &Path {
        &self.upper
    }

    /// Runs `work` with the top of the layer and, if the image has any files, that of what is below. Blocks.
    pub(crate) fn with<T: Send>(
        &self,
        work: impl FnOnce(BorrowedFd<'_>, Option<BorrowedFd<'_>>) -> io::Result<T> + Send,
    ) -> Result<T> {
        let upper = File::open(&self.upper).map_err(Error::io("open", &self.upper))?;
        let done = match &self.lower {
            Lower::Nothing => work(upper.as_fd(), None),
            Lower::View(view) => {
                let done = view.with(|lower| work(upper.as_fd(), Some(lower)));
                done.map_err(|error| Error::Files(error.to_string()))?
            }
            Lower::Tree(path) => {
                let lower = File::open(path).map_err(Error::io("open", path))?;
                work(upper.as_fd(), Some(lower.as_fd()))
            }
        };
        done.map_err(Error::files)
    }
}

/// A directory that goes with its value; the next start sweeps what a death leaves.
#[derive(Debug)]
struct Draft(PathBuf);

impl Draft {
    fn make(work: &Path) -> io::Result<Draft> {
        let path = work.join(format!("layer-{}", SERIAL.fetch_add(1, Ordering::Relaxed)));
        fault::point("layer: make draft");
        fs::create_dir(&path)?;
        Ok(Draft(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "cannot delete");
        }
    }
}
