//! `docker import`: an archive of a root directory becomes an image with one layer.

pub(crate) mod change;
mod remote;

use tokio::io::AsyncRead;

use crate::{
    Error, Image, Images, ImportOptions, Progress, ProgressSender, Result,
    archive::{Chunks, Compression, feed, feed_chunks},
    assembly::{Assembly, Layer, ManifestFile},
    background, clock,
    config::{Config, History, ImageFile, RootFs},
    manifest::{Descriptor, Manifest, OCI_CONFIG, OCI_MANIFEST},
    platform::Platform,
    progress,
    reference::Reference,
    spool::Spooled,
    unpack,
};
use remote::Remote;
use std::sync::Arc;

/// What Docker writes when no message is given.
const DEFAULT_COMMENT: &str = "Imported from -";

/// What a request to import asks for, found right before the first byte is read.
struct Order {
    name: Option<Reference>,
    config: Config,
    platform: Platform,
    comment: String,
}

impl Order {
    fn judged(options: &ImportOptions, default_comment: &str) -> Result<Order> {
        let name = options.reference.as_deref().filter(|name| !name.is_empty());
        let name = name.map(|name| Reference::parse(name).and_then(taggable)).transpose()?;
        let mut config = Config::default();
        for line in &options.changes {
            change::apply(&mut config, line)?;
        }
        let platform = Platform::wanted(options.platform.as_deref())?;
        let given = options.message.clone().filter(|message| !message.is_empty());
        Ok(Order { name, config, platform, comment: given.unwrap_or_else(|| default_comment.to_owned()) })
    }
}

impl Images {
    /// Makes an image with one layer from a plain, gzip or zstd archive of a root directory.
    pub async fn import(
        &self,
        tar: impl AsyncRead + Send + Unpin + 'static,
        options: ImportOptions,
        to: ProgressSender,
    ) -> Result<Arc<Image>> {
        let order = Order::judged(&options, DEFAULT_COMMENT)?;
        self.import_chunks(feed(tar), order, to).await
    }

    /// The same from an archive in the web; a URL without a scheme is `http`.
    ///
    /// # Errors
    /// As `import`, or if the URL cannot be fetched.
    pub async fn import_from(
        &self,
        url: &str,
        options: ImportOptions,
        to: ProgressSender,
    ) -> Result<Arc<Image>> {
        let remote = Remote::parse(url)?;
        let order = Order::judged(&options, &format!("Imported from {}", remote.shown()))?;
        progress::summary(&to, format!("Downloading from {}", remote.shown()));
        let archive = remote.open().await?;
        self.import_chunks(feed_chunks(archive), order, to).await
    }

    async fn import_chunks(
        &self,
        (input, fill): (Chunks, impl Future<Output = ()>),
        order: Order,
        to: ProgressSender,
    ) -> Result<Arc<Image>> {
        let Order { name, config, platform, comment } = order;
        let mut assembly = Assembly::begin(&self.store).await?;
        progress::send(&to, Progress { status: "Importing".to_owned(), ..Progress::default() });
        let place = assembly.operation().place().clone();
        let (source, directory) = (place.name("blob"), place.name("layer"));
        let (to_blob, to_layer) = (source.clone(), directory.clone());
        let work = background::run("image-import", move || {
            unpack::unpack_chunks(input, &to_blob, &to_layer, &place)
        });
        let (_, unpacked) = tokio::join!(fill, work);
        let unpacked = unpacked?;
        let file = image_file(config, comment, &platform, unpacked.diff_id.to_string());
        let bytes = serde_json::to_vec(&file).map_err(|e| Error::Malformed(e.to_string()))?;
        let blob = unpacked.blob_digest;
        let spooled = Spooled { digest: blob, size: unpacked.blob_size };
        let manifest = manifest(&bytes, &[(spooled, unpacked.compression)]);
        assembly.add_layer(Layer::Fresh { blob, source, directory, unpacked });
        let id = assembly.add_image(&bytes, &manifest, vec![blob])?;
        if let Some(name) = name {
            assembly.add_name(name.to_string(), id, clock::now_ns());
        }
        assembly.publish().await?;
        self.get(&id.to_string()).await
    }
}

/// A name that a tag can be given to: `latest` if it has none, and no digest.
pub(crate) fn taggable(reference: Reference) -> Result<Reference> {
    if reference.digest.is_some() {
        return Err(Error::InvalidTag("refusing to create a tag with a digest reference"));
    }
    if reference.familiar_repository() == "sha256" {
        return Err(Error::InvalidTag("refusing to create an ambiguous tag using digest algorithm as name"));
    }
    Ok(reference.or_latest())
}

fn image_file(config: Config, comment: String, platform: &Platform, diff_id: String) -> ImageFile {
    let created = Some(clock::now_rfc3339());
    let history = History { created: created.clone(), comment: Some(comment.clone()), ..History::default() };
    ImageFile {
        created,
        author: None,
        comment: Some(comment),
        architecture: platform.architecture.clone(),
        variant: platform.variant.clone(),
        os: platform.os.clone(),
        config,
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
        history: vec![history],
    }
}

/// A manifest for an image that came without one, so that it can be pushed and saved like any other.
pub(crate) fn manifest(config: &[u8], layers: &[(Spooled, Compression)]) -> ManifestFile {
    let config = Descriptor::new(OCI_CONFIG, crate::digest::Digest::of(config), config.len() as u64);
    let layers = layers
        .iter()
        .map(|(spooled, compression)| {
            Descriptor::new(compression.layer_media_type(), spooled.digest, spooled.size)
        })
        .collect();
    let bytes = Manifest::new(config, layers).to_bytes();
    ManifestFile { bytes, media_type: OCI_MANIFEST.to_owned() }
}
