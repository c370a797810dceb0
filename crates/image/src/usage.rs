//! What the store takes on the disk, and who is to blame for it.
//!
//! Inputs: the catalogue, and the disk. Outputs: a [`Usage`] whose total is what `du` says of the store. The tally is
//! pure; measuring is not: a layer is walked once in the life of a daemon, for it never changes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::Path,
};

use crate::{
    Error, Images, Result, background,
    digest::Digest,
    disk::disk_bytes,
    store::{Catalog, Paths, Store},
};

/// What the store takes, in bytes on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By id of the image.
    pub images: BTreeMap<String, ImageUsage>,
    /// All images together: layers, blobs, metadata, and what is on its way in or out.
    pub images_bytes: u64,
    /// What removing all images but those that were said to be used would give back.
    pub reclaimable_bytes: u64,
    /// Writable layers, by id of the container.
    pub containers: BTreeMap<String, u64>,
}

/// What one image takes: its unpacked layers, and the blobs that a push or a save needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageUsage {
    /// All of it.
    pub bytes: u64,
    /// Of that, what other images have too.
    pub shared_bytes: u64,
    /// Of that, blobs: what a push or a save sends.
    pub content_bytes: u64,
}

/// A piece of content that images may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Content {
    /// A layer's directory, by diff id.
    Layer(Digest),
    /// A blob as it came.
    Blob(Digest),
}

impl Images {
    /// Measures the store. `used` are the ids of the images that containers use.
    pub async fn usage(&self, used: HashSet<String>) -> Result<Usage> {
        let store = self.store.clone();
        background::run("image-usage", move || {
            let catalog = store.catalog();
            let sizes = sizes(&store, &catalog)?;
            let images = contents(&catalog);
            let used = used.iter().filter_map(|id| id.parse().ok()).collect();
            let mut usage = tally(&images, &sizes, &used);
            usage.images_bytes += around(store.paths())?;
            usage.containers = containers(store.paths())?;
            Ok(usage)
        })
        .await
    }
}

/// What each image is made of.
pub(crate) fn contents(catalog: &Catalog) -> BTreeMap<Digest, HashSet<Content>> {
    let content = |(id, entry): (&Digest, &crate::store::Entry)| {
        let layers = entry.record.layers.iter().map(|layer| Content::Layer(*layer));
        let blobs = entry.record.all_blobs(id).map(|blob| Content::Blob(*blob));
        (*id, layers.chain(blobs).collect())
    };
    catalog.images.iter().map(content).collect()
}

/// The bytes of all content that is in place, layers that only containers use included.
pub(crate) fn sizes(store: &Store, catalog: &Catalog) -> Result<HashMap<Content, u64>> {
    let mut sizes = HashMap::new();
    for layer in catalog.layers.keys().map(|layer| Content::Layer(*layer)) {
        sizes.insert(layer, measure(store, &layer)?);
    }
    store.forget_measured(|layer| catalog.layers.contains_key(layer));
    let blobs = store.paths().blobs();
    for entry in fs::read_dir(&blobs).map_err(Error::io("read", &blobs))? {
        let entry = entry.map_err(Error::io("read", &blobs))?;
        if let Some(blob) = entry.file_name().to_str().and_then(Digest::from_hex).map(Content::Blob) {
            sizes.insert(blob, measure(store, &blob)?);
        }
    }
    Ok(sizes)
}

/// The bytes of one piece of content; none if it is not there any more.
pub(crate) fn measure(store: &Store, content: &Content) -> Result<u64> {
    let place = match content {
        Content::Layer(layer) => store.paths().layer(layer),
        Content::Blob(blob) => store.paths().blob(blob),
    };
    let known = match content {
        Content::Layer(layer) => store.measured(layer),
        Content::Blob(_) => None,
    };
    if let Some(bytes) = known {
        return Ok(bytes);
    }
    let bytes = disk_bytes(&place).map_err(Error::io("measure", &place))?;
    if let (Content::Layer(layer), 1..) = (content, bytes) {
        store.remember_measured(*layer, bytes);
    }
    Ok(bytes)
}

/// Everything of the store that is neither content of images nor a writable layer.
fn around(paths: &Paths) -> Result<u64> {
    let mut bytes = own_bytes(paths.root())? + own_bytes(&paths.root().join("blobs"))?;
    for directory in [paths.blobs(), paths.layers(), paths.containers()] {
        bytes += own_bytes(&directory)?;
    }
    for tree in [paths.links(), paths.temporary()] {
        bytes += disk_bytes(&tree).map_err(Error::io("measure", &tree))?;
    }
    for entry in fs::read_dir(paths.root()).map_err(Error::io("read", paths.root()))? {
        let path = entry.map_err(Error::io("read", paths.root()))?.path();
        if !path.is_dir() {
            bytes += disk_bytes(&path).map_err(Error::io("measure", &path))?;
        }
    }
    Ok(bytes)
}

fn containers(paths: &Paths) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let homes = paths.containers();
    for entry in fs::read_dir(&homes).map_err(Error::io("read", &homes))? {
        let entry = entry.map_err(Error::io("read", &homes))?;
        if let Ok(id) = entry.file_name().into_string() {
            found.insert(id, disk_bytes(&entry.path()).map_err(Error::io("measure", entry.path()))?);
        }
    }
    Ok(found)
}

/// A directory without what is in it.
fn own_bytes(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let metadata: io::Result<fs::Metadata> = fs::symlink_metadata(path);
    Ok(metadata.map_err(Error::io("measure", path))?.blocks() * 512)
}

/// Adds up: what each image takes, all of them, and what would be free without the images that nobody uses.
fn tally(
    images: &BTreeMap<Digest, HashSet<Content>>,
    sizes: &HashMap<Content, u64>,
    used: &HashSet<Digest>,
) -> Usage {
    let size = |content: &Content| sizes.get(content).copied().unwrap_or(0);
    let mut users: HashMap<Content, usize> = HashMap::new();
    for content in images.values().flatten() {
        *users.entry(*content).or_default() += 1;
    }
    let shared = |content: &&Content| users.get(content).is_some_and(|users| *users > 1);
    let image = |contents: &HashSet<Content>| ImageUsage {
        bytes: contents.iter().map(size).sum(),
        shared_bytes: contents.iter().filter(shared).map(size).sum(),
        content_bytes: contents.iter().filter(|content| matches!(content, Content::Blob(_))).map(size).sum(),
    };
    let kept: HashSet<Content> = images
        .iter()
        .filter(|(id, _)| used.contains(id))
        .flat_map(|(_, contents)| contents)
        .copied()
        .collect();
    let lost: HashSet<Content> = images.values().flatten().filter(|c| !kept.contains(c)).copied().collect();
    Usage {
        images: images.iter().map(|(id, contents)| (id.to_string(), image(contents))).collect(),
        images_bytes: sizes.values().sum(),
        reclaimable_bytes: lost.iter().map(size).sum(),
        containers: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn what_is_shared_counts_once_in_all() {
        let (base, own, other, alone) = (digest("base"), digest("own"), digest("other"), digest("alone"));
        let (one, two) = (digest("one"), digest("two"));
        let images = BTreeMap::from([
            (one, HashSet::from([Content::Layer(base), Content::Layer(own)])),
            (two, HashSet::from([Content::Layer(base), Content::Blob(other)])),
        ]);
        let sizes = HashMap::from([
            (Content::Layer(base), 100),
            (Content::Layer(own), 10),
            (Content::Blob(other), 1),
            // Held by a container whose image is gone.
            (Content::Layer(alone), 1000),
        ]);
        let usage = tally(&images, &sizes, &HashSet::from([one]));
        assert_eq!(
            usage.images[&one.to_string()],
            ImageUsage { bytes: 110, shared_bytes: 100, content_bytes: 0 }
        );
        assert_eq!(
            usage.images[&two.to_string()],
            ImageUsage { bytes: 101, shared_bytes: 100, content_bytes: 1 }
        );
        assert_eq!((usage.images_bytes, usage.reclaimable_bytes), (1111, 1));
        assert_eq!(tally(&images, &sizes, &HashSet::new()).reclaimable_bytes, 111);
    }
}
