//! Putting an image together from its parts, whichever way they came: pull, load and import end here.
//!
//! Inputs: verified blobs in an operation's directory. Outputs: a publication that appears as a whole.
//! What a configuration says of its layers is checked against what the layers are.

use std::{collections::HashSet, fs, path::PathBuf, sync::Arc};

use tokio::sync::Semaphore;

use crate::{
    Error, Result, background, clock,
    config::ImageFile,
    digest::Digest,
    manifest::{MAX_CONFIG_BYTES, MAX_LAYERS},
    platform::Platform,
    store::{Hold, ImageRecord, NewImage, Operation, Publication, Store},
    unpack::{self, Unpacked},
};

/// Layers that are unpacked at the same time; more would only wait for processors and the disk.
const MAX_UNPACKS: usize = 2;

/// The places for unpacking, shared by all operations of a store.
pub(crate) fn unpack_places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_UNPACKS))
}

/// A manifest as it came or as we made it.
#[derive(Clone, Debug)]
pub(crate) struct ManifestFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
}

/// A layer that is ready: unpacked by this operation, or kept in the store for it.
#[derive(Debug)]
pub(crate) enum Layer {
    Fresh { blob: Digest, source: PathBuf, directory: PathBuf, unpacked: Unpacked },
    Kept(Hold),
}

/// A layer that came for whoever wants it, in a place of its own, or is kept in the store.
#[derive(Debug)]
pub(crate) enum Arrival {
    Fresh { source: PathBuf, directory: PathBuf, unpacked: Unpacked, operation: Operation },
    Kept { hold: Hold },
}

/// Images on their way into the store.
#[derive(Debug)]
pub(crate) struct Assembly {
    store: Store,
    operation: Operation,
    publication: Publication,
    holds: Vec<Hold>,
    /// Blobs and the layers that they were found to unpack to.
    verified: HashSet<(Digest, Digest)>,
}

impl Assembly {
    pub(crate) async fn begin(store: &Store) -> Result<Assembly> {
        let operation = store.operation().await?;
        let publication = Publication { places: vec![operation.place().clone()], ..Publication::default() };
        Ok(Assembly {
            store: store.clone(),
            operation,
            publication,
            holds: Vec::new(),
            verified: HashSet::new(),
        })
    }

    pub(crate) fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Takes in small content: a configuration or a manifest.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.operation.place().name("blob");
        fault::point("image: write blob");
        fs::write(&path, bytes).map_err(Error::io("write", &path))?;
        self.publication.blobs.insert(digest, path);
        Ok(digest)
    }

    /// Takes in a layer.
    pub(crate) fn add_layer(&mut self, layer: Layer) {
        match layer {
            Layer::Fresh { blob, source, directory, unpacked } => {
                self.verified.insert((blob, unpacked.diff_id));
                self.publication.blobs.insert(blob, source);
                self.publication.layers.insert(unpacked.diff_id, (directory, unpacked.size_bytes));
            }
            Layer::Kept(hold) => {
                self.verified.insert(hold.pair());
                self.holds.push(hold);
            }
        }
    }

    /// Takes in a layer that other operations may take in too. Who calls keeps it until all is published.
    pub(crate) fn add_arrival(&mut self, arrival: &Arrival) {
        match arrival {
            Arrival::Fresh { source, directory, unpacked, operation } => {
                self.verified.insert((unpacked.blob_digest, unpacked.diff_id));
                self.publication.blobs.insert(unpacked.blob_digest, source.clone());
                self.publication.layers.insert(unpacked.diff_id, (directory.clone(), unpacked.size_bytes));
                self.publication.places.push(operation.place().clone());
            }
            Arrival::Kept { hold } => {
                self.verified.insert(hold.pair());
            }
        }
    }

    /// Completes an image whose layers were taken in. `blobs` are its layers as they came, lowest first.
    pub(crate) fn add_image(
        &mut self,
        config: &[u8],
        manifest: &ManifestFile,
        blobs: Vec<Digest>,
    ) -> Result<Digest> {
        let file = read_config(config)?;
        let layers = diff_ids(&file)?;
        if layers.len() != blobs.len() {
            let words = format!("{} layers for {} in the configuration", blobs.len(), layers.len());
            return Err(Error::Malformed(words));
        }
        // One blob under two names of layers would give an image that is another elsewhere.
        if let Some((blob, layer)) =
            blobs.iter().copied().zip(layers.iter().copied()).find(|pair| !self.verified.contains(pair))
        {
            return Err(Error::Malformed(format!("blob {blob} is not the layer {layer}")));
        }
        let id = self.add_bytes(config)?;
        let record = ImageRecord {
            manifest: self.add_bytes(&manifest.bytes)?,
            manifest_type: manifest.media_type.clone(),
            manifest_size: manifest.bytes.len() as u64,
            blobs,
            layers,
            parent: None,
            tagged_at_ns: 0,
            used_at_ns: clock::now_ns(),
        };
        self.publication.images.push(NewImage { id, record, file: Arc::new(file) });
        Ok(id)
    }

    /// Tells which image another was built from here.
    pub(crate) fn set_parent(&mut self, id: Digest, parent: Digest) {
        for image in self.publication.images.iter_mut().filter(|image| image.id == id) {
            image.record.parent = Some(parent);
        }
    }

    /// Gives an image a long name; its time of tagging is now.
    pub(crate) fn add_name(&mut self, name: String, id: Digest, now_ns: i64) {
        for image in self.publication.images.iter_mut().filter(|image| image.id == id) {
            image.record.tagged_at_ns = now_ns;
        }
        self.publication.names.push((name, id));
    }

    /// All of it appears, or none.
    pub(crate) async fn publish(self) -> Result<()> {
        let Assembly { store, operation, publication, holds, .. } = self;
        let outcome = store.publish(publication).await;
        drop((operation, holds));
        outcome
    }
}

/// Unpacks a blob in the background and checks that it is the layer the configuration speaks of.
pub(crate) async fn unpack_layer(
    places: &Semaphore,
    operation: &Operation,
    blob: Digest,
    source: PathBuf,
    expected: Option<Digest>,
) -> Result<Layer> {
    let _place = places.acquire().await.map_err(|_| Error::Closed)?;
    let place = operation.place().clone();
    let directory = place.name("layer");
    let (from, to) = (source.clone(), directory.clone());
    let unpacked = background::run("image-unpack", move || unpack::unpack(&from, &to, &place)).await?;
    if let Some(expected) = expected {
        unpacked.diff_id.expect(&expected)?;
    }
    Ok(Layer::Fresh { blob, source, directory, unpacked })
}

/// Reads a configuration whose digest was verified.
pub(crate) fn read_config(bytes: &[u8]) -> Result<ImageFile> {
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err(Error::TooLarge { what: "image configuration".to_owned(), limit: MAX_CONFIG_BYTES });
    }
    let file: ImageFile =
        serde_json::from_slice(bytes).map_err(|e| Error::Malformed(format!("image configuration: {e}")))?;
    if !file.os.is_empty() && file.os != Platform::host().os {
        return Err(Error::Malformed(format!(
            "image operating system {:?} cannot be used on this platform",
            file.os
        )));
    }
    Ok(file)
}

/// The layers a configuration speaks of, lowest first.
pub(crate) fn diff_ids(file: &ImageFile) -> Result<Vec<Digest>> {
    if file.rootfs.kind != "layers" {
        return Err(Error::Malformed(format!("unknown kind of root file system {:?}", file.rootfs.kind)));
    }
    if file.rootfs.diff_ids.len() > MAX_LAYERS {
        return Err(Error::Malformed(format!("more than {MAX_LAYERS} layers")));
    }
    file.rootfs.diff_ids.iter().map(|id| id.parse()).collect()
}
