//! `diff`: what a container changed of its image's files.

use super::{compare, made};
use crate::archive::blocking;
use crate::container::Containers;
use crate::error::{Error, Result};
use crate::shared::containers_dir;
use runtime::view::View;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute, in the container.
    pub path: String,
    /// What happened there.
    pub kind: ChangeKind,
}

/// What happened at a path, by Docker's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// 0: it is there as before, with other contents or attributes, or something in it changed.
    Modified,
    /// 1: the image does not have it.
    Added,
    /// 2: only the image has it.
    Deleted,
}

impl Containers {
    /// What a container changed of its image's files, in the order of paths.
    ///
    /// # Errors
    /// If there is no such container or its files cannot be read.
    pub async fn changes(&self, reference: &str) -> Result<Vec<Change>> {
        let record = self.inspect(reference)?;
        let layers = self.shared.images.rootfs(&record.id).await?;
        let place = containers_dir(&self.shared.config);
        blocking(&self.shared, move || {
            with_layer(&layers, place, |upper, lower| {
                let made = made::made(upper, lower)?;
                compare::compare(upper, lower, &made)
            })
        })
        .await
    }
}

/// Runs `work` with the top of the writable layer and, if the image has any files, that of what is below. Blocks.
pub(super) fn with_layer<T: Send>(
    layers: &image::Rootfs,
    place: PathBuf,
    work: impl FnOnce(BorrowedFd<'_>, Option<BorrowedFd<'_>>) -> io::Result<T> + Send,
) -> Result<T> {
    let upper = File::open(&layers.upper).map_err(Error::io("open", &layers.upper))?;
    if layers.lowers.is_empty() {
        return work(upper.as_fd(), None).map_err(Error::files);
    }
    let view = View { lowers: layers.lowers.clone(), place, ..View::default() };
    let done = view.with(|lower| work(upper.as_fd(), Some(lower)));
    done.map_err(|error| Error::Files(error.to_string()))?.map_err(Error::files)
}
