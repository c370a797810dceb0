//! Layers that may not have reached the disk yet.
//!
//! Unpacking flushes nothing, since thousands of flushes would take longer than all else. A new layer instead carries the
//! boot it was unpacked in, until one `syncfs` in the background has passed over it. A layer that is found with the mark of
//! an earlier boot may have lost bytes with the machine's power: it is unpacked again from its blob, whose digest is
//! checked first. If the blob is not whole either, the layer counts as missing, and its images are dropped.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;

use super::{
    catalog::Catalog,
    keeper::WeakKeeper,
    operation::Workplace,
    paths::Paths,
    record::LayerRecord,
    state::State,
    table::{Change, Records},
};
use crate::{
    Error, Result, background,
    digest::{Digest, Hasher},
    unpack::{self, Unpacked},
};

/// How long new layers wait for the flush. The kernel has begun to write them by then without hurry, so that the flush holds
/// up nobody else's for long, the Raft log's least of all; an image that came shorter before a loss of power may be lost.
const DELAY: Duration = Duration::from_secs(10);

/// This boot of the machine.
pub(super) fn boot_id() -> Result<String> {
    let path = fault::boot_id_path();
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    Ok(text.trim().to_owned())
}

/// One flush for all layers that came within the delay.
#[derive(Clone, Debug)]
pub(super) struct Settling {
    catalog: Arc<ArcSwap<Catalog>>,
    paths: Arc<Paths>,
    keeper: WeakKeeper,
    /// True while a flush waits for its time.
    is_due: Arc<AtomicBool>,
}

impl Settling {
    pub(super) fn new(catalog: Arc<ArcSwap<Catalog>>, paths: Arc<Paths>, keeper: WeakKeeper) -> Settling {
        Settling { catalog, paths, keeper, is_due: Arc::default() }
    }

    /// Flushes the store's file system after a while if a layer is marked, then takes the marks away.
    pub(super) fn later(&self) {
        if self.marked().is_empty() || self.is_due.swap(true, Ordering::Relaxed) {
            return;
        }
        let settling = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(DELAY).await;
            settling.is_due.store(false, Ordering::Relaxed);
            settling.flush().await;
        });
    }

    /// A store that is closed meanwhile keeps its marks, and flushes when it is opened again.
    async fn flush(&self) {
        if self.keeper.is_closed() {
            return;
        }
        let marked = self.marked();
        let root = self.paths.root().to_owned();
        let work = move || {
            let flushed = File::open(&root).and_then(|root| Ok(rustix::fs::syncfs(root)?));
            flushed.map_err(Error::io("flush", root))
        };
        match background::run("image-flush", work).await {
            Ok(()) => self.keeper.leave(move |state| state.settle(&marked)),
            Err(error) => tracing::warn!(%error, "new layers are not flushed"),
        }
    }

    fn marked(&self) -> Vec<Digest> {
        let catalog = self.catalog.load();
        catalog.layers.iter().filter(|(_, layer)| layer.unsettled_boot.is_some()).map(|(id, _)| *id).collect()
    }
}

impl State {
    /// Takes the marks of layers away.
    fn settle(&mut self, layers: &[Digest]) {
        let catalog = self.published.load_full();
        let settled = layers.iter().filter_map(|id| {
            let layer = catalog.layers.get(id)?;
            Some(Change::PutLayer(*id, LayerRecord { unsettled_boot: None, ..layer.clone() }))
        });
        if let Err(error) = self.alter(settled.collect()) {
            tracing::warn!(%error, "flushed layers keep their marks");
        }
    }

    /// Unpacks again what an earlier boot may have lost. What cannot be had again is taken out of the records.
    pub(super) fn repair(&mut self, records: &mut Records) -> Result<()> {
        let blobs: HashMap<Digest, Digest> = records
            .images
            .iter()
            .flat_map(|(_, image)| image.layers.iter().copied().zip(image.blobs.iter().copied()))
            .collect();
        let mut broken = Vec::new();
        for (id, layer) in &mut records.layers {
            if layer.unsettled_boot.as_ref().is_none_or(|boot| *boot == self.boot_id) {
                continue;
            }
            tracing::info!(layer = %id, "unpack a layer again that may not have reached the disk");
            match self.unpack_again(id, blobs.get(id)) {
                Ok(()) => layer.unsettled_boot = Some(self.boot_id.clone()),
                Err(error) => {
                    tracing::warn!(layer = %id, %error, "a layer was lost with the machine's power");
                    broken.push(*id);
                }
            }
        }
        records.layers.retain(|(id, _)| !broken.contains(id));
        let drops: Vec<Change> = broken.into_iter().map(Change::DropLayer).collect();
        if drops.is_empty() { Ok(()) } else { self.tables.commit(&drops) }
    }

    /// Dying in here changes nothing: the mark is still of the earlier boot.
    pub(crate) fn unpack_again(&mut self, id: &Digest, blob: Option<&Digest>) -> Result<()> {
        let blob = blob.ok_or_else(|| Error::Malformed(format!("no image has layer {id}")))?;
        let aside = State::unpack_aside(&self.paths, id, blob)?;
        let target = self.paths.layer(id);
        self.throw_away(vec![target.clone()]);
        fault::point("image: move layer into place again");
        fs::rename(aside.directory(), &target).map_err(Error::io("move into place", &target))
    }

    /// Unpacks a layer from its blob once more, beside the one that is there.
    pub(crate) fn unpack_aside(paths: &Paths, id: &Digest, blob: &Digest) -> Result<Aside> {
        let source = paths.blob(blob);
        digest_of(&source)?.expect(blob)?;
        // One that was dropped is deleted in the background, by its name: the next must have another.
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{ASIDE}{}-{serial}-{}", std::process::id(), id.hex());
        let place = Workplace::make(paths.temporary().join(name))?;
        let directory = place.name("layer");
        let Unpacked { diff_id, .. } = unpack::unpack(&source, &directory, &place)?;
        diff_id.expect(id)?;
        Ok(Aside { directory, _place: place })
    }
}

/// How the names of what is unpacked once more begin.
pub(crate) const ASIDE: &str = "again-";

/// A layer that was unpacked once more; removed when it is dropped, unless it was moved away.
#[derive(Debug)]
pub(crate) struct Aside {
    directory: PathBuf,
    _place: Workplace,
}

impl Aside {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The digest of a file's bytes.
pub(crate) fn digest_of(path: &Path) -> Result<Digest> {
    const CHUNK_BYTES: usize = 128 << 10;
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut hasher = Hasher::default();
    loop {
        match file.read(&mut chunk).map_err(Error::io("read", path))? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::ImageFile,
        manifest::OCI_MANIFEST,
        store::{ImageRecord, NewImage, Publication},
    };

    fn open(root: &std::path::Path, boot: &str) -> State {
        State::open_in_boot(Paths::new(root.to_owned()), boot.to_owned()).unwrap()
    }

    /// An image of one layer with one file, published in this boot.
    fn publish(state: &mut State) -> (Digest, Digest) {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, "file", &b"good"[..]).unwrap();
        let layer = tar.into_inner().unwrap();
        let diff_id = Digest::of(&layer);
        let config = format!(r#"{{"os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#);
        let place = Arc::new(Workplace::make(state.temporary_name("work")).unwrap());
        let mut publication = Publication::default();
        for bytes in [&layer[..], config.as_bytes(), b"manifest"] {
            let path = place.name("blob");
            fs::write(&path, bytes).unwrap();
            publication.blobs.insert(Digest::of(bytes), path);
        }
        let directory = place.name("layer");
        unpack::unpack(&publication.blobs[&diff_id], &directory, &place).unwrap();
        publication.layers.insert(diff_id, (directory, 4));
        let record = ImageRecord {
            manifest: Digest::of(b"manifest"),
            manifest_type: OCI_MANIFEST.to_owned(),
            manifest_size: 8,
            blobs: vec![diff_id],
            layers: vec![diff_id],
            parent: None,
            tagged_at_ns: 0,
            used_at_ns: 0,
        };
        let id = Digest::of(config.as_bytes());
        let file: ImageFile = serde_json::from_str(&config).unwrap();
        publication.images.push(NewImage { id, record, file: Arc::new(file) });
        publication.places.push(place);
        state.publish(publication).unwrap();
        (id, diff_id)
    }

    #[test]
    fn a_layer_that_is_unpacked_once_more_is_out_of_the_way_of_the_one_before() {
        assert!(rustix::process::geteuid().is_root(), "this test needs root: it unpacks a layer");
        let root = tempfile::tempdir().unwrap();
        let mut state = open(root.path(), "one");
        let (_, layer) = publish(&mut state);
        let asides = [(), ()].map(|()| State::unpack_aside(&state.paths, &layer, &layer).unwrap());
        for aside in &asides {
            assert_eq!(fs::read(aside.directory().join("diff/file")).unwrap(), b"good");
        }
        assert_ne!(asides[0].directory(), asides[1].directory());
    }

    #[test]
    fn a_lost_layer_is_unpacked_again_and_a_lost_blob_drops_the_image() {
        assert!(rustix::process::geteuid().is_root(), "this test needs root: it unpacks a layer");
        let root = tempfile::tempdir().unwrap();
        let mut state = open(root.path(), "one");
        let (id, layer) = publish(&mut state);
        let file = state.paths.layer(&layer).join("diff/file");
        drop(state);
        fs::write(&file, "").unwrap();
        // The same boot trusts its memory of the disk.
        drop(open(root.path(), "one"));
        assert_eq!(fs::read(&file).unwrap(), b"");
        let state = open(root.path(), "two");
        assert_eq!(fs::read(&file).unwrap(), b"good");
        assert!(state.published.load().images.contains_key(&id));
        let blob = state.paths.blob(&layer);
        drop(state);
        fs::write(&blob, "").unwrap();
        let mut state = open(root.path(), "three");
        assert!(state.published.load().images.is_empty() && state.published.load().layers.is_empty());
        // Once the mark is gone, the layer is trusted for good.
        let (id, layer) = publish(&mut state);
        state.settle(&[layer]);
        drop(state);
        fs::write(&file, "").unwrap();
        let state = open(root.path(), "four");
        assert!(state.published.load().images.contains_key(&id));
        assert_eq!(fs::read(&file).unwrap(), b"");
    }
}
