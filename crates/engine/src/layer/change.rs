//! `diff`: what a container changed of its image's files.

use super::{compare, made};
use crate::archive::blocking;
use crate::container::Containers;
use crate::driver::Layer;
use crate::error::Result;
use crate::shared::containers_dir;

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
        let files = self.shared.files(&record.id).await?;
        let place = containers_dir(&self.shared.config);
        blocking(&self.shared, move || {
            Layer::of(&files, place)?.with(|upper, lower| {
                let made = made::made(upper, lower)?;
                compare::compare(upper, lower, &made)
            })
        })
        .await
    }
}
