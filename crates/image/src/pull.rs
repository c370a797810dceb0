//! `docker pull`: from a name to an image in the store.
//!
//! Registries are asked in order until one has the image. Layers are downloaded and unpacked side by side; the image
//! appears at the end, in one moment, or not at all.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    Error, Image, Images, ProgressSender, RegistryAuth, Result,
    assembly::{self, Assembly, Layer, ManifestFile},
    clock,
    digest::Digest,
    manifest::{Descriptor, Document, MAX_CONFIG_BYTES, Manifest, choose},
    platform::Platform,
    progress,
    reference::Reference,
    registry::{Client, Download, MAX_DOWNLOADS, endpoints},
    store::Seen,
};

/// What a registry has under the name.
struct Found {
    /// Digest of what the name leads to: the index, if there is one.
    digest: Digest,
    manifest: Manifest,
    file: ManifestFile,
    config: Vec<u8>,
}

impl Images {
    /// Fetches an image from its registry, or from a mirror of docker.io.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        auth: Option<RegistryAuth>,
        to: ProgressSender,
    ) -> Result<Arc<Image>> {
        let reference = Reference::parse(reference)?.or_latest();
        let wanted = Platform::wanted(platform)?;
        let mut failure = None;
        for endpoint in endpoints(&reference, &self.config()) {
            let is_origin = endpoint.is_origin;
            let base = endpoint.base.clone();
            let client = Client::new(endpoint, reference.clone(), auth.clone().filter(|_| is_origin))?;
            match self.pull_from(&client, &reference, &wanted, &to).await {
                Err(error) if is_origin && !matches!(error, Error::Unreachable { .. }) => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, registry = base, "try the next registry");
                    // The first way to an origin is the usual one, and so is its error.
                    failure = failure.filter(|_| is_origin).or(Some(error));
                }
                image => return image,
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoSuchImage(reference.familiar())))
    }

    async fn pull_from(
        &self,
        client: &Client,
        reference: &Reference,
        wanted: &Platform,
        to: &ProgressSender,
    ) -> Result<Arc<Image>> {
        let found = find(client, reference, wanted, to).await?;
        let id = Digest::of(&found.config);
        let before = self.store.catalog().names.get(&reference.to_string()).copied();
        let mut assembly = Assembly::begin(&self.store).await?;
        let diff_ids = assembly::diff_ids(&assembly::read_config(&found.config)?)?;
        if diff_ids.len() != found.manifest.layers.len() {
            return Err(Error::Malformed("manifest and configuration differ in their layers".to_owned()));
        }
        let mut layers: Vec<(Descriptor, Digest)> =
            found.manifest.layers.iter().cloned().zip(diff_ids).collect();
        let blobs = layers.iter().map(|(descriptor, _)| descriptor.digest).collect();
        layers.sort_by_key(|(descriptor, _)| descriptor.digest);
        layers.dedup_by_key(|(descriptor, _)| descriptor.digest);
        for layer in self.fetch_layers(client, &assembly, layers, to).await? {
            assembly.add_layer(layer);
        }
        let id_added = assembly.add_image(&found.config, &found.file, blobs)?;
        let now = clock::now_ns();
        assembly.add_name(reference.at(found.digest).to_string(), id_added, now);
        if reference.digest.is_none() {
            assembly.add_name(reference.to_string(), id_added, now);
        }
        let blobs = found.manifest.layers.iter().map(|layer| Seen { blob: layer.digest, packed: None });
        let seen = blobs.collect();
        assembly.publish().await?;
        self.store.note_seen(seen, reference.repository()).await?;
        progress::summary(to, format!("Digest: {}", found.digest));
        let outcome =
            if before == Some(id) { "Image is up to date for" } else { "Downloaded newer image for" };
        progress::summary(to, format!("Status: {outcome} {}", reference.familiar()));
        self.get(&id.to_string()).await
    }

    /// Brings in each layer. An error drops the others, and the operation with all that came so far.
    async fn fetch_layers(
        &self,
        client: &Client,
        assembly: &Assembly,
        layers: Vec<(Descriptor, Digest)>,
        to: &ProgressSender,
    ) -> Result<Vec<Layer>> {
        for (descriptor, _) in &layers {
            progress::line(to, &descriptor.digest.short(), "Pulling fs layer");
        }
        stream::iter(layers)
            .map(|(descriptor, diff_id)| self.fetch_layer(client, assembly, descriptor, diff_id, to))
            .buffer_unordered(MAX_DOWNLOADS)
            .try_collect()
            .await
    }

    async fn fetch_layer(
        &self,
        client: &Client,
        assembly: &Assembly,
        descriptor: Descriptor,
        diff_id: Digest,
        to: &ProgressSender,
    ) -> Result<Layer> {
        let (blob, size, short) = (descriptor.digest, descriptor.size, descriptor.digest.short());
        let operation = assembly.operation();
        if let Some(hold) = operation.hold(diff_id, blob).await? {
            progress::line(to, &short, "Already exists");
            return Ok(Layer::Kept(hold));
        }
        let target = operation.place().name("blob");
        let download = Download {
            descriptor,
            target: target.clone(),
            place: operation.place().clone(),
            progress: to.clone(),
        };
        download.run(client).await?;
        progress::bytes(to, &short, "Extracting", size, size);
        let layer = assembly::unpack_layer(&self.unpacks, operation, blob, target, Some(diff_id)).await?;
        progress::line(to, &short, "Pull complete");
        Ok(layer)
    }
}

/// Manifest and configuration for a platform.
async fn find(
    client: &Client,
    reference: &Reference,
    wanted: &Platform,
    to: &ProgressSender,
) -> Result<Found> {
    let name = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.clone().unwrap_or_default(),
    };
    let top = client.document(&name, reference.digest).await?;
    progress::line(to, &name, &format!("Pulling from {}", reference.path));
    let digest = top.digest;
    let (manifest, bytes) = match top.document {
        Document::Manifest(manifest) => (manifest, top.bytes),
        Document::Index(entries) => {
            let missing = || Error::NoMatchingPlatform { platform: wanted.to_string() };
            let chosen = choose(&entries, wanted).ok_or_else(missing)?;
            let inner = client.document(&chosen.digest.to_string(), Some(chosen.digest)).await?;
            match inner.document {
                Document::Manifest(manifest) => (manifest, inner.bytes),
                Document::Index(_) => return Err(Error::Malformed("an index within an index".to_owned())),
            }
        }
    };
    let config =
        client.small_blob(&manifest.config.digest, manifest.config.size.min(MAX_CONFIG_BYTES)).await?;
    let file = ManifestFile { bytes, media_type: manifest.media_type.clone() };
    Ok(Found { digest, manifest, file, config })
}
