//! The one mutable value of the store, owned by the keeper's thread.
//!
//! Order of every change: files first, then the metadata's commit, then memory; removals the other way round.
//! A death in between leaves files that nothing names, which `open` sweeps.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;

use super::{
    catalog::{Catalog, Entry},
    count::Counts,
    index,
    paths::Paths,
    record::ImageRecord,
    table::{Change, Tables},
    trash,
};
use crate::{Result, background, config::ImageFile, digest::Digest};

/// How the names of what waits to be deleted begin.
pub(crate) const TRASH: &str = "trash";

/// The state of the store.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) paths: Arc<Paths>,
    pub(crate) published: Arc<ArcSwap<Catalog>>,
    pub(super) tables: Tables,
    /// Users of each unpacked layer: images, containers, operations.
    pub(super) layer_users: Counts,
    /// Users of each blob: images, operations.
    pub(super) blob_users: Counts,
    /// Layers of each container that has a writable layer, topmost first.
    pub(super) containers: HashMap<String, Vec<Digest>>,
    /// When images were used since the store was opened, nanoseconds since the epoch.
    pub(super) used: HashMap<Digest, i64>,
    /// This boot of the machine.
    pub(super) boot_id: String,
    /// Makes names in the temporary directory unique.
    pub(super) serial: u64,
}

impl State {
    /// Commits changes, publishes them, and removes the content that nothing uses any more.
    pub(crate) fn alter(&mut self, changes: Vec<Change>) -> Result<()> {
        self.alter_with(changes, &HashMap::new())
    }

    /// The same for changes that bring new images, whose configurations are `files`.
    pub(super) fn alter_with(
        &mut self,
        mut changes: Vec<Change>,
        files: &HashMap<Digest, Arc<ImageFile>>,
    ) -> Result<()> {
        let before = self.published.load_full();
        for (id, record) in changes.iter().filter_map(put) {
            self.layer_users.add(&record.layers);
            self.blob_users.add(record.all_blobs(id));
        }
        let gone: Vec<(&Digest, &Entry)> = changes
            .iter()
            .filter_map(|change| match change {
                Change::PutImage(id, _) | Change::DropImage(id) => before.images.get_key_value(id),
                _ => None,
            })
            .collect();
        let (mut layers, mut blobs) = (Vec::new(), Vec::new());
        for (id, entry) in &gone {
            layers.extend(self.layer_users.subtract(&entry.record.layers));
            blobs.extend(self.blob_users.subtract(entry.record.all_blobs(id)));
        }
        changes.extend(
            layers.iter().filter(|id| before.layers.contains_key(id)).map(|id| Change::DropLayer(*id)),
        );
        changes
            .extend(blobs.iter().filter(|id| before.blobs.contains_key(id)).map(|id| Change::DropBlob(*id)));
        if let Err(error) = self.tables.commit(&changes) {
            for (id, entry) in gone {
                self.layer_users.add(&entry.record.layers);
                self.blob_users.add(entry.record.all_blobs(id));
            }
            for (id, record) in changes.iter().filter_map(put) {
                self.layer_users.subtract(&record.layers);
                self.blob_users.subtract(record.all_blobs(id));
            }
            return Err(error);
        }
        let mut after = Catalog::clone(&before);
        after.apply(&changes, files);
        self.published.store(Arc::new(after));
        index::write(&self.paths, &self.published.load());
        self.discard(&before, &layers, &blobs);
        Ok(())
    }

    /// Gives up uses of layers and blobs outside of images, and removes what nothing uses any more.
    pub(super) fn give_up(&mut self, layers: &[Digest], blobs: &[Digest]) -> Result<()> {
        let before = self.published.load_full();
        let layers = self.layer_users.subtract(layers);
        let blobs = self.blob_users.subtract(blobs);
        let gone_layers = layers.iter().filter(|id| before.layers.contains_key(id));
        let gone_blobs = blobs.iter().filter(|id| before.blobs.contains_key(id));
        let drops: Vec<Change> = gone_layers
            .map(|id| Change::DropLayer(*id))
            .chain(gone_blobs.map(|id| Change::DropBlob(*id)))
            .collect();
        if !drops.is_empty() {
            self.tables.commit(&drops)?;
            let mut after = Catalog::clone(&before);
            after.apply(&drops, &HashMap::new());
            self.published.store(Arc::new(after));
        }
        self.discard(&before, &layers, &blobs);
        Ok(())
    }

    /// Takes unused content out of the store; the deleting itself happens in the background.
    fn discard(&mut self, before: &Catalog, layers: &[Digest], blobs: &[Digest]) {
        let mut doomed = Vec::new();
        for layer in layers {
            if let Some(record) = before.layers.get(layer) {
                fault::point("image: remove link of layer");
                forget(fs::remove_file(self.paths.links().join(&record.link)), &record.link);
            }
            doomed.push(self.paths.layer(layer));
        }
        doomed.extend(blobs.iter().map(|blob| self.paths.blob(blob)));
        self.throw_away(doomed);
    }

    /// Moves paths out of sight at once and deletes them later.
    pub(super) fn throw_away(&mut self, paths: Vec<PathBuf>) {
        let mut moved = Vec::new();
        for path in paths {
            let place = self.temporary_name(TRASH);
            fault::point("image: throw away");
            match fs::rename(&path, &place) {
                Ok(()) => moved.push(place),
                Err(error) => forget(Err(error), &path),
            }
        }
        if moved.is_empty() {
            return;
        }
        let work = move || moved.iter().for_each(|path| forget(trash::remove(path), path));
        if let Err(error) = background::spawn("image-trash", background::UPKEEP, work) {
            tracing::warn!(%error, "unused content stays until the next start");
        }
    }

    /// A new name in the temporary directory.
    pub(super) fn temporary_name(&mut self, kind: &str) -> PathBuf {
        self.serial += 1;
        self.paths.temporary().join(format!("{kind}-{}", self.serial))
    }
}

fn put(change: &Change) -> Option<(&Digest, &ImageRecord)> {
    match change {
        Change::PutImage(id, record) => Some((id, record)),
        _ => None,
    }
}

/// What cannot be deleted stays as debris until the next start sweeps it; that is no failure of the request.
pub(super) fn forget(result: io::Result<()>, path: impl AsRef<Path>) {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.as_ref().display(), "cannot delete");
        }
        _ => {}
    }
}
