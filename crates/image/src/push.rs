//! `docker push`: from an image in the store to a tag in its registry.
//!
//! Inputs: a name, credentials. Outputs: blobs and a manifest at the registry, one [`Pushed`] for each tag, and the digest as a further
//! name of the image. What came from a registry goes as it came, digest for digest; plain layers that were made here are
//! compressed on the way, while they are sent. Which registry has what is remembered (`store/seen.rs`), for mounts and so
//! that nothing is compressed twice.

mod dense;
mod layer;
mod pack;

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    Error, Images, ProgressSender, Pushed, RegistryAuth, Result,
    assembly::ManifestFile,
    digest::Digest,
    manifest::{Descriptor, Document, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES},
    progress,
    reference::Reference,
    registry::{Access, Client, Source, endpoints},
    store::{Change, Operation, Seen, read_small},
};
use layer::{Layer, Road};

/// Layers that are compressed at the same time: one uses all processors, the second fills its gaps.
const MAX_PACKS: usize = 2;

impl Images {
    /// Pushes one tag, or without one all tags of the repository.
    ///
    /// # Errors
    /// If there is nothing to push, or the registry refuses it. Tags that were pushed before the error stay there.
    pub async fn push(
        &self,
        name: &str,
        tag: Option<&str>,
        auth: Option<RegistryAuth>,
        to: ProgressSender,
    ) -> Result<Vec<Pushed>> {
        let mut reference = Reference::parse(name)?;
        if reference.digest.is_some() {
            return Err(Error::InvalidPush("cannot push a digest reference"));
        }
        if let Some(tag) = tag {
            reference = Reference::parse(&format!("{}:{tag}", reference.repository()))?;
        }
        progress::summary(&to, format!("The push refers to repository [{}]", reference.repository()));
        let tags = self.tags_to_push(&reference)?;
        let client = self.client_to_push(&reference, auth).await?;
        let mut pushed = Vec::with_capacity(tags.len());
        for tag in tags {
            pushed.push(self.push_tag(&client, &tag, &to).await?);
        }
        Ok(pushed)
    }

    fn tags_to_push(&self, reference: &Reference) -> Result<Vec<Reference>> {
        let catalog = self.store.catalog();
        let names = catalog.names.keys().filter_map(|name| Reference::parse(name).ok());
        let own = |other: &Reference| other.domain == reference.domain && other.path == reference.path;
        let tags: Vec<Reference> = names.filter(|other| own(other) && other.tag.is_some()).collect();
        if tags.is_empty() {
            return Err(Error::NothingToPush(reference.familiar_repository()));
        }
        match &reference.tag {
            None => Ok(tags),
            Some(_) if tags.contains(reference) => Ok(vec![reference.clone()]),
            Some(_) => Err(Error::NoSuchTag(reference.familiar())),
        }
    }

    /// The first way to the registry that leads there. Mirrors are no place to push to.
    async fn client_to_push(&self, reference: &Reference, auth: Option<RegistryAuth>) -> Result<Client> {
        let mut failure = None;
        for endpoint in endpoints(reference, &self.config()).into_iter().filter(|e| e.is_origin) {
            let client = Client::with(endpoint, reference.clone(), auth.clone(), Access::Push)?;
            match client.ping().await {
                Ok(()) => return Ok(client),
                Err(error @ (Error::Denied(_) | Error::Unauthorized(_))) => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| Error::NothingToPush(reference.familiar_repository())))
    }

    async fn push_tag(&self, client: &Client, reference: &Reference, to: &ProgressSender) -> Result<Pushed> {
        let catalog = self.store.catalog();
        let missing = || Error::NoSuchTag(reference.familiar());
        let id = *catalog.names.get(&reference.to_string()).ok_or_else(missing)?;
        let record = catalog.images.get(&id).ok_or_else(missing)?.record.clone();
        let operation = self.store.operation().await?;
        // Nobody can take them away while they are on their way.
        let mut holds = Vec::with_capacity(record.layers.len());
        for (layer, blob) in record.layers.iter().zip(&record.blobs) {
            holds.push(operation.hold(*layer, *blob).await?.ok_or_else(missing)?);
        }
        let config = read_small(&self.store.paths().blob(&id), MAX_CONFIG_BYTES)?;
        let bytes = read_small(&self.store.paths().blob(&record.manifest), MAX_MANIFEST_BYTES)?;
        let Document::Manifest(manifest) = Document::parse(&bytes, Some(&record.manifest_type))? else {
            return Err(Error::Malformed("the image has no manifest of its own".to_owned()));
        };
        if manifest.layers.len() != record.layers.len() {
            return Err(Error::Malformed("manifest and image differ in their layers".to_owned()));
        }
        let layers = manifest.layers.iter().zip(&record.layers).map(|(descriptor, diff_id)| Layer {
            diff_id: *diff_id,
            descriptor: descriptor.clone(),
            known: catalog.blobs.get(&descriptor.digest).cloned(),
        });
        let pushed = self.push_layers(client, &operation, reference, layers.collect(), to).await?;
        self.push_config(client, &manifest.config, config, to).await?;
        let file = ManifestFile { bytes, media_type: manifest.media_type };
        let file = with_layers(file, &manifest.layers, &pushed)?;
        let tag = reference.tag.clone().unwrap_or_default();
        let digest = client.put_manifest(&tag, &file.media_type, &file.bytes).await?;
        let seen = pushed.into_values().map(|(_, seen)| seen).collect();
        self.store.note_seen(seen, reference.repository()).await?;
        self.note_pushed(id, reference.at(digest).to_string()).await?;
        drop(holds);
        Ok(Pushed { tag, digest: digest.to_string(), size: file.bytes.len() as u64 })
    }

    /// Brings all layers there, several at once; gives by the digest of each here what it is there.
    async fn push_layers(
        &self,
        client: &Client,
        operation: &Operation,
        reference: &Reference,
        mut layers: Vec<Layer>,
        to: &ProgressSender,
    ) -> Result<HashMap<Digest, (Descriptor, Seen)>> {
        // The topmost first, as Docker does; what is there several times is sent once.
        layers.reverse();
        let mut known = std::collections::HashSet::new();
        layers.retain(|layer| known.insert(layer.descriptor.digest));
        let limit = self.config().max_uploads();
        for (number, layer) in layers.iter().enumerate() {
            progress::line(to, &layer.diff_id.short(), if number < limit { "Preparing" } else { "Waiting" });
        }
        let road = Road {
            client,
            store: &self.store,
            reference,
            place: operation.place(),
            to,
            packs: Semaphore::new(MAX_PACKS),
        };
        let sending: Vec<_> = layers.into_iter().map(|layer| road.push(layer)).collect();
        stream::iter(sending).buffer_unordered(limit).try_collect().await
    }

    async fn push_config(
        &self,
        client: &Client,
        descriptor: &Descriptor,
        bytes: Vec<u8>,
        to: &ProgressSender,
    ) -> Result<()> {
        if client.has_blob(&descriptor.digest).await? {
            return Ok(());
        }
        let path = self.store.paths().blob(&descriptor.digest);
        let (digest, size) = (descriptor.digest, bytes.len() as u64);
        client.upload(&Source::whole(path, digest, size, digest.short(), to.clone()), None).await.map(drop)
    }

    /// The digest under which the registry has an image becomes one of its names, unless it is gone meanwhile.
    async fn note_pushed(&self, id: Digest, name: String) -> Result<()> {
        self.store
            .change(move |state| {
                let catalog = state.published.load_full();
                match catalog.images.contains_key(&id) && catalog.names.get(&name) != Some(&id) {
                    true => state.alter(vec![Change::PutName(name, id)]),
                    false => Ok(()),
                }
            })
            .await
    }
}

/// The manifest with the layers as they were pushed; byte for byte the same if they were pushed as they came.
fn with_layers(
    file: ManifestFile,
    layers: &[Descriptor],
    pushed: &HashMap<Digest, (Descriptor, Seen)>,
) -> Result<ManifestFile> {
    let there = |layer: &Descriptor| pushed.get(&layer.digest).map(|(descriptor, _)| descriptor);
    if layers.iter().all(|layer| there(layer).is_some_and(|pushed| pushed.digest == layer.digest)) {
        return Ok(file);
    }
    let malformed = |error: serde_json::Error| Error::Malformed(format!("manifest: {error}"));
    let mut manifest: Value = serde_json::from_slice(&file.bytes).map_err(malformed)?;
    let entries = manifest.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten();
    for (entry, layer) in entries.zip(layers) {
        if let (Some(descriptor), Some(entry)) = (there(layer), entry.as_object_mut()) {
            entry.insert("mediaType".to_owned(), descriptor.media_type.clone().into());
            entry.insert("digest".to_owned(), descriptor.digest.to_string().into());
            entry.insert("size".to_owned(), descriptor.size.into());
        }
    }
    let bytes = serde_json::to_vec(&manifest).map_err(malformed)?;
    Ok(ManifestFile { bytes, ..file })
}
