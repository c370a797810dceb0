//! The moment at which new images appear: all of them, with their content and names, or none.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    operation::Workplace,
    paths::DIFF,
    record::{ImageRecord, LayerRecord},
    state::{State, forget},
    table::Change,
};
use crate::{Error, Result, config::ImageFile, digest::Digest};

/// An image that is to appear.
#[derive(Debug)]
pub(crate) struct NewImage {
    pub(crate) id: Digest,
    pub(crate) record: ImageRecord,
    pub(crate) file: Arc<ImageFile>,
}

/// What an operation brought.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    pub(crate) images: Vec<NewImage>,
    /// Long names and whose they become.
    pub(crate) names: Vec<(String, Digest)>,
    /// Verified blobs and where they lie now.
    pub(crate) blobs: HashMap<Digest, PathBuf>,
    /// Unpacked layers: where they lie now, and the bytes of their files.
    pub(crate) layers: HashMap<Digest, (PathBuf, u64)>,
    /// Keep the sources alive until all is moved.
    pub(crate) places: Vec<Arc<Workplace>>,
}

impl State {
    /// Moves the content into place and commits.
    pub(crate) fn publish(&mut self, publication: Publication) -> Result<()> {
        let Publication { images, names, blobs, layers, places } = publication;
        // Both loops below only move what no image uses yet, so a failure may take them back.
        let mut moved = Moved::default();
        let outcome = self.publish_moved(images, names, &blobs, &layers, &mut moved);
        if outcome.is_err() {
            for link in &moved.links {
                forget(fs::remove_file(link), link);
            }
            self.throw_away(moved.content);
        }
        drop(places);
        outcome
    }

    fn publish_moved(
        &mut self,
        images: Vec<NewImage>,
        names: Vec<(String, Digest)>,
        blobs: &HashMap<Digest, PathBuf>,
        layers: &HashMap<Digest, (PathBuf, u64)>,
        moved: &mut Moved,
    ) -> Result<()> {
        for (digest, source) in blobs.iter().filter(|(digest, _)| !self.blob_users.is_used(digest)) {
            moved.rename(source, self.paths.blob(digest))?;
        }
        let catalog = self.published.load_full();
        let mut changes = Vec::new();
        let mut next = free_link(catalog.layers.values().map(|layer| layer.link.as_str()));
        for (diff_id, (source, size_bytes)) in layers {
            if catalog.layers.contains_key(diff_id) {
                continue;
            }
            moved.rename(source, self.paths.layer(diff_id))?;
            let link = base36(next);
            next += 1;
            let path = self.paths.links().join(&link);
            // A link that a crash left behind points at a layer that was swept.
            fault::point("image: link layer");
            forget(fs::remove_file(&path), &path);
            let target = Path::new("../layers").join(diff_id.hex()).join(DIFF);
            symlink(target, &path).map_err(Error::io("link", &path))?;
            moved.links.push(path);
            changes.push(Change::PutLayer(
                *diff_id,
                LayerRecord { link, size_bytes: *size_bytes, unsettled_boot: Some(self.boot_id.clone()) },
            ));
        }
        let mut files = HashMap::new();
        for image in images {
            let known = |id: &Digest| catalog.layers.contains_key(id) || layers.contains_key(id);
            if !image.record.layers.iter().all(known) {
                return Err(Error::Malformed(format!("image {} lacks a layer", image.id)));
            }
            files.insert(image.id, image.file);
            changes.push(Change::PutImage(image.id, image.record));
        }
        changes.extend(names.into_iter().map(|(name, id)| Change::PutName(name, id)));
        self.alter_with(changes, &files)
    }
}

/// What was moved so far, to be taken back on failure.
#[derive(Default)]
struct Moved {
    content: Vec<PathBuf>,
    links: Vec<PathBuf>,
}

impl Moved {
    fn rename(&mut self, source: &Path, target: PathBuf) -> Result<()> {
        fault::point("image: move content into place");
        fs::rename(source, &target).map_err(Error::io("move into place", &target))?;
        self.content.push(target);
        Ok(())
    }
}

/// The first number whose link, and all after it, are free.
fn free_link<'a>(links: impl Iterator<Item = &'a str>) -> u64 {
    links.filter_map(|link| u64::from_str_radix(link, 36).ok()).max().map_or(0, |highest| highest + 1)
}

/// Numbers as short as file names get: two characters for the first 1,296 layers.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_short_and_never_taken_twice() {
        assert_eq!([base36(0), base36(35), base36(36), base36(1296)], ["0", "z", "10", "100"]);
        assert_eq!(free_link(["0", "z", "3"].into_iter()), 36);
        assert_eq!(free_link(std::iter::empty()), 0);
    }
}
