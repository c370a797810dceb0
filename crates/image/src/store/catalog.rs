//! All that is known of images, as one immutable value that readers share. Pure.
//!
//! Inputs: records and changes. Outputs: answers to `get` and `list` without IO and without waiting.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    record::{BlobRecord, ImageRecord, LayerRecord},
    table::Change,
};
use crate::{Error, Image, Result, config::ImageFile, digest::Digest, reference::Reference};

/// An image: the record, and the configuration from the content store.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) record: ImageRecord,
    pub(crate) file: Arc<ImageFile>,
    /// The value that callers get; made anew when a name changes.
    pub(crate) image: Arc<Image>,
}

/// A snapshot of the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) images: BTreeMap<Digest, Entry>,
    /// Long names with tag or digest.
    pub(crate) names: BTreeMap<String, Digest>,
    pub(crate) layers: HashMap<Digest, LayerRecord>,
    /// Of those blobs of which anything is known beside their bytes.
    pub(crate) blobs: HashMap<Digest, BlobRecord>,
}

impl Catalog {
    /// The id behind a name, an id or the beginning of one.
    pub(crate) fn resolve(&self, text: &str) -> Result<Digest> {
        if let Some(id) = text.parse().ok().or_else(|| Digest::from_hex(text)) {
            return self.known(id).ok_or_else(|| Error::NoSuchImage(text.to_owned()));
        }
        let reference = Reference::parse(text);
        if let Some(id) = reference.as_ref().ok().and_then(|reference| self.named(reference)) {
            return Ok(id);
        }
        if let Some(id) = self.by_prefix(text) {
            return Ok(id);
        }
        Err(Error::NoSuchImage(reference?.or_latest().familiar()))
    }

    /// The entry behind a name, an id or the beginning of one.
    pub(crate) fn find(&self, text: &str) -> Result<&Entry> {
        let id = self.resolve(text)?;
        self.images.get(&id).ok_or_else(|| Error::NoSuchImage(text.to_owned()))
    }

    fn known(&self, id: Digest) -> Option<Digest> {
        self.images.contains_key(&id).then_some(id)
    }

    /// With both tag and digest, the digest decides.
    fn named(&self, reference: &Reference) -> Option<Digest> {
        let key = match reference.digest {
            Some(digest) => reference.at(digest).to_string(),
            None => reference.clone().or_latest().to_string(),
        };
        self.names.get(&key).copied()
    }

    /// The only image whose id begins so.
    pub(crate) fn by_prefix(&self, text: &str) -> Option<Digest> {
        let prefix = text.strip_prefix("sha256:").unwrap_or(text);
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return None;
        }
        let mut found = self.images.keys().filter(|id| id.hex().starts_with(prefix));
        found.next().filter(|_| found.next().is_none()).copied()
    }

    /// The long names of an image, sorted.
    pub(crate) fn names_of(&self, id: &Digest) -> impl Iterator<Item = &String> {
        self.names.iter().filter(move |(_, other)| *other == id).map(|(name, _)| name)
    }

    /// Applies changes that the metadata file already holds. `files` has the configuration of each new image.
    pub(crate) fn apply(&mut self, changes: &[Change], files: &HashMap<Digest, Arc<ImageFile>>) {
        let mut touched = Vec::new();
        for change in changes {
            match change {
                Change::PutImage(id, record) => {
                    let known = self.images.get(id).map(|entry| entry.file.clone());
                    if let Some(file) = files.get(id).cloned().or(known) {
                        let image = Arc::new(image(id, record, &file, Vec::new(), std::iter::empty()));
                        self.images.insert(*id, Entry { record: record.clone(), file, image });
                        touched.push(*id);
                    }
                }
                Change::DropImage(id) => drop(self.images.remove(id)),
                Change::PutName(name, id) => {
                    touched.extend(self.names.insert(name.clone(), *id));
                    touched.push(*id);
                }
                Change::DropName(name) => touched.extend(self.names.remove(name)),
                Change::PutLayer(id, record) => drop(self.layers.insert(*id, record.clone())),
                Change::DropLayer(id) => drop(self.layers.remove(id)),
                Change::PutBlob(id, record) => drop(self.blobs.insert(*id, record.clone())),
                Change::DropBlob(id) => drop(self.blobs.remove(id)),
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for id in touched {
            self.refresh(&id);
        }
    }

    /// Makes the shared value of one image anew.
    fn refresh(&mut self, id: &Digest) {
        let Some(entry) = self.images.get(id) else { return };
        let size = |layer: &Digest| self.layers.get(layer).map_or(0, |layer| layer.size_bytes);
        let sizes = entry.record.layers.iter().map(size).collect();
        let fresh = Arc::new(image(id, &entry.record, &entry.file, sizes, self.names_of(id)));
        if let Some(entry) = self.images.get_mut(id) {
            entry.image = fresh;
        }
    }
}

fn image<'a>(
    id: &Digest,
    record: &ImageRecord,
    file: &ImageFile,
    layer_sizes_bytes: Vec<u64>,
    names: impl Iterator<Item = &'a String>,
) -> Image {
    let familiar = names.filter_map(|name| Reference::parse(name).ok()).map(|reference| reference.familiar());
    let (repo_digests, repo_tags) = familiar.partition(|name| name.contains('@'));
    Image {
        id: id.to_string(),
        repo_tags,
        repo_digests,
        manifest_digest: record.manifest.to_string(),
        manifest_media_type: record.manifest_type.clone(),
        manifest_size_bytes: record.manifest_size,
        created: file.created.clone(),
        tagged_at_ns: record.tagged_at_ns,
        size_bytes: layer_sizes_bytes.iter().sum(),
        config: file.config.clone(),
        architecture: file.architecture.clone(),
        variant: file.variant.clone(),
        os: file.os.clone(),
        diff_ids: record.layers.iter().map(Digest::to_string).collect(),
        layer_sizes_bytes,
        history: file.history.clone(),
        parent: record.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        comment: file.comment.clone().unwrap_or_default(),
        author: file.author.clone().unwrap_or_default(),
    }
}
