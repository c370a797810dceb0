//! Which repositories have which blobs, so that a push can skip or mount them instead of sending them again.

use super::{
    Store,
    record::{BlobRecord, Packed},
    state::State,
    table::Change,
};
use crate::{Result, digest::Digest};

/// A blob that a registry has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// As it lies here.
    pub(crate) blob: Digest,
    /// What it is there, if it was compressed on the way.
    pub(crate) packed: Option<Packed>,
}

impl Store {
    /// Remembers that a repository (in its long form) has these blobs.
    pub(crate) async fn note_seen(&self, blobs: Vec<Seen>, repository: String) -> Result<()> {
        self.change(move |state| state.note_seen(&blobs, &repository)).await
    }
}

impl State {
    /// Only what is new costs a commit. A blob that nobody uses any more is not spoken of.
    fn note_seen(&mut self, blobs: &[Seen], repository: &str) -> Result<()> {
        let catalog = self.published.load_full();
        let mut changes = Vec::new();
        for seen in blobs.iter().filter(|seen| self.blob_users.is_used(&seen.blob)) {
            let known = catalog.blobs.get(&seen.blob).cloned().unwrap_or_default();
            let before = match known.packed == seen.packed {
                true => known.clone(),
                false => BlobRecord { packed: seen.packed, ..BlobRecord::default() },
            };
            let after = before.in_repository(repository);
            if after != known {
                changes.push(Change::PutBlob(seen.blob, after));
            }
        }
        match changes.is_empty() {
            true => Ok(()),
            false => self.alter(changes),
        }
    }
}
