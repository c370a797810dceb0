//! `docker commit`: an image, and one more layer on top of it.
//!
//! Inputs: the image, what is to differ in its configuration, and whoever writes the layer's archive. The layer is written,
//! unpacked and checked like any other that comes in; until all of it appears at once there is nothing to see, and a crash
//! leaves an operation's directory, which the next start sweeps.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use crate::{
    Config, Error, Image, Images, Result,
    archive::Compression,
    assembly::{self, Assembly, Layer, ManifestFile},
    background, clock,
    config::{History, ImageFile},
    digest::{Digest, Hasher},
    import::{change, taggable},
    manifest::{Descriptor, Document, MAX_MANIFEST_BYTES, Manifest, OCI_CONFIG, OCI_MANIFEST},
    reference::Reference,
    spool::{MAX_BLOB_BYTES, Spooled},
    store::{Workplace, read_small},
};

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 128 << 10;

/// What the new image says of itself.
#[derive(Clone, Debug, Default)]
pub struct CommitOptions {
    /// Id of the image beneath.
    pub parent: String,
    /// What a container of it gets when it says nothing.
    pub config: Config,
    /// Instructions of a Dockerfile that change that: `CMD ["sh"]`.
    pub changes: Vec<String>,
    /// Name to give it; a missing tag means `latest`.
    pub reference: Option<String>,
    /// Who made it.
    pub author: String,
    /// Free comment.
    pub message: String,
    /// The command whose doing the layer is.
    pub created_by: String,
}

impl CommitOptions {
    /// Finds whatever is wrong with the request itself.
    ///
    /// # Errors
    /// If a change or the name cannot be honoured.
    pub fn check(&self) -> Result<()> {
        self.judged().map(drop)
    }

    fn judged(&self) -> Result<(Config, Option<Reference>)> {
        let mut config = self.config.clone();
        for line in &self.changes {
            change::apply(&mut config, line)?;
        }
        let name = self.reference.as_deref().filter(|name| !name.is_empty());
        let name = name.map(|name| Reference::parse(name).and_then(taggable)).transpose()?;
        Ok((config, name))
    }
}

impl Images {
    /// Makes an image of another one and of a layer, whose plain archive `write` writes on a thread of its own.
    ///
    /// # Errors
    /// If the request is wrong, the image beneath is gone, or the layer cannot be written: then there is no new image.
    pub async fn commit(
        &self,
        options: CommitOptions,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> Result<Arc<Image>> {
        let (config, name) = options.judged()?;
        let parent = self.store.catalog().find(&options.parent)?.clone();
        let parent_id = self.store.catalog().resolve(&options.parent)?;
        let mut assembly = Assembly::begin(&self.store).await?;
        // From here on nobody can take the layers beneath away.
        for (layer, blob) in parent.record.layers.iter().zip(&parent.record.blobs) {
            match assembly.operation().hold(*layer, *blob).await? {
                Some(hold) => assembly.add_layer(Layer::Kept(hold)),
                None => return Err(Error::NoSuchImage(options.parent.clone())),
            }
        }
        let place = assembly.operation().place().clone();
        let path = place.name("blob");
        let target = path.clone();
        let work = move || write_layer(&target, &place, write);
        let spooled = background::run("image-commit", work).await?;
        let layer =
            assembly::unpack_layer(&self.unpacks, assembly.operation(), spooled.digest, path, None).await?;
        let Layer::Fresh { unpacked, .. } = &layer else { return Err(Error::Closed) };
        let file = image_file(&parent.file, config, &options, unpacked.diff_id.to_string());
        let bytes = serde_json::to_vec(&file).map_err(|e| Error::Malformed(e.to_string()))?;
        let beneath = read_small(&self.store.paths().blob(&parent.record.manifest), MAX_MANIFEST_BYTES)?;
        let manifest = manifest(&beneath, &bytes, spooled)?;
        assembly.add_layer(layer);
        let blobs = [parent.record.blobs.as_slice(), &[spooled.digest]].concat();
        let id = assembly.add_image(&bytes, &manifest, blobs)?;
        assembly.set_parent(id, parent_id);
        if let Some(name) = name {
            assembly.add_name(name.to_string(), id, clock::now_ns());
        }
        fault::point("image: publish commit");
        assembly.publish().await?;
        self.get(&id.to_string()).await
    }
}

fn write_layer(
    path: &Path,
    place: &Workplace,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Spooled> {
    fault::point("image: write committed layer");
    let file = File::create_new(path).map_err(Error::io("create", path))?;
    let mut blob = Blob { file, hasher: Hasher::default(), size: 0, place };
    // Not compressed: that would take longer than all the rest, for an image that may never leave this machine.
    let mut buffer = BufWriter::with_capacity(BUFFER_BYTES, &mut blob);
    write(&mut buffer).and_then(|()| buffer.flush()).map_err(Error::io("write", path))?;
    drop(buffer);
    Ok(Spooled { digest: blob.hasher.finish(), size: blob.size })
}

/// A file whose digest is taken as it is written.
struct Blob<'a> {
    file: File,
    hasher: Hasher,
    size: u64,
    place: &'a Workplace,
}

impl Write for Blob<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.place.is_cancelled() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        if self.size > MAX_BLOB_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the layer is too large"));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn image_file(parent: &ImageFile, config: Config, options: &CommitOptions, diff_id: String) -> ImageFile {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let created = Some(clock::now_rfc3339());
    let mut file = ImageFile {
        created: created.clone(),
        author: given(&options.author),
        comment: given(&options.message),
        config,
        ..parent.clone()
    };
    file.rootfs.diff_ids.push(diff_id);
    file.history.push(History {
        created,
        created_by: given(&options.created_by),
        author: given(&options.author),
        comment: given(&options.message),
        empty_layer: false,
    });
    file
}

/// The manifest of the image beneath with one more layer, in OCI's words whatever it was in.
fn manifest(beneath: &[u8], config: &[u8], layer: Spooled) -> Result<ManifestFile> {
    let Document::Manifest(beneath) = Document::parse(beneath, None)? else {
        return Err(Error::Malformed("the image beneath has no manifest of its own".to_owned()));
    };
    let mut layers = beneath.layers;
    for layer in &mut layers {
        oci_layer(&mut layer.media_type);
    }
    layers.push(Descriptor::new(Compression::None.layer_media_type(), layer.digest, layer.size));
    let config = Descriptor::new(OCI_CONFIG, Digest::of(config), config.len() as u64);
    Ok(ManifestFile { bytes: Manifest::new(config, layers).to_bytes(), media_type: OCI_MANIFEST.to_owned() })
}

fn oci_layer(media_type: &mut String) {
    let compression = match media_type.as_str() {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => Compression::Gzip,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => Compression::Zstd,
        "application/vnd.docker.image.rootfs.diff.tar" => Compression::None,
        _ => return,
    };
    compression.layer_media_type().clone_into(media_type);
}
