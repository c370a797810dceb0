//! `docker pull`: from a name to an image in the store.
//!
//! Registries are asked in order until one has the image. Layers are downloaded and unpacked side by side, in one pass over
//! their bytes, and shared with other pulls that want them; the image appears at the end, in one moment, or not at all.

mod layer;
mod origin;
mod tags;

use std::{io, sync::Arc};

use crate::{
    Error, Image, Images, ProgressSender, RegistryAuth, Result,
    assembly::{self, Arrival, Assembly, ManifestFile},
    clock,
    digest::Digest,
    flight::{Seat, Wanted},
    manifest::{Descriptor, Document, MAX_CONFIG_BYTES, Manifest, choose},
    platform::Platform,
    progress,
    reference::Reference,
    registry::Client,
    store::Seen,
};
use origin::Asking;

/// How often a pull begins again whose layers another pull took along, and which then were removed.
const MAX_LOSSES: u32 = 3;

/// What is pulled, for whom.
struct Pull<'a> {
    images: &'a Images,
    wanted: Platform,
    /// True if the user named the platform.
    is_named: bool,
    auth: Option<RegistryAuth>,
    to: ProgressSender,
}

/// What a registry has under the name.
struct Found {
    /// Digest of what the name leads to: the index, if there is one.
    digest: Digest,
    manifest: Manifest,
    file: ManifestFile,
    config: Vec<u8>,
}

/// What became of one name.
struct Pulled {
    image: Arc<Image>,
    /// False if the name had led to this image before.
    is_new: bool,
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
        let pull = Pull::new(self, platform, auth, to)?;
        let pulled = pull.name(&reference).await?;
        pull.status(&reference, pulled.is_new);
        pull.warn(&reference, &pulled.image);
        Ok(pulled.image)
    }
}

impl<'a> Pull<'a> {
    fn new(
        images: &'a Images,
        platform: Option<&str>,
        auth: Option<RegistryAuth>,
        to: ProgressSender,
    ) -> Result<Pull<'a>> {
        let platform = platform.filter(|text| !text.is_empty());
        Ok(Pull { images, wanted: Platform::wanted(platform)?, is_named: platform.is_some(), auth, to })
    }

    /// One name, from the first registry that has it.
    async fn name(&self, reference: &Reference) -> Result<Pulled> {
        let mut losses = 0;
        let mut asking = self.asking(reference);
        // Layers that came from one registry need not come again from the next.
        let mut seats = Vec::new();
        loop {
            let client = asking.next()?;
            match self.from(&client, reference, &mut seats).await {
                Err(error) if is_lost(&error) && losses < MAX_LOSSES => {
                    losses += 1;
                    seats.clear();
                    asking = self.asking(reference);
                }
                Err(error) => asking.failed(&client, error)?,
                pulled => return pulled,
            }
        }
    }

    fn asking(&self, reference: &Reference) -> Asking {
        Asking::new(reference, &self.images.config(), self.auth.clone())
    }

    async fn from(
        &self,
        client: &Arc<Client>,
        reference: &Reference,
        seats: &mut Vec<Seat<Arrival>>,
    ) -> Result<Pulled> {
        let store = &self.images.store;
        let found = self.find(client, reference).await?;
        let id = Digest::of(&found.config);
        let before = store.catalog().names.get(&reference.to_string()).copied();
        let config = assembly::read_config(&found.config)?;
        let layers = wanted(&found.manifest.layers, &assembly::diff_ids(&config)?)?;
        let mut assembly = Assembly::begin(store).await?;
        self.layers(client, &mut assembly, layers, seats).await?;
        let blobs = found.manifest.layers.iter().map(|layer| layer.digest).collect();
        let id_added = assembly.add_image(&found.config, &found.file, blobs)?;
        let now = clock::now_ns();
        assembly.add_name(reference.at(found.digest).to_string(), id_added, now);
        if reference.digest.is_none() {
            assembly.add_name(reference.to_string(), id_added, now);
        }
        let blobs = found.manifest.layers.iter().map(|layer| Seen { blob: layer.digest, packed: None });
        let seen = blobs.collect();
        assembly.publish().await?;
        store.note_seen(seen, reference.repository()).await?;
        progress::summary(&self.to, format!("Digest: {}", found.digest));
        let image = self.images.get(&id.to_string()).await?;
        Ok(Pulled { image, is_new: before != Some(id) })
    }

    /// Manifest and configuration for the platform.
    async fn find(&self, client: &Client, reference: &Reference) -> Result<Found> {
        let name = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_default(),
        };
        let top = client.document(&name, reference.digest).await?;
        progress::line(&self.to, &name, &format!("Pulling from {}", reference.path));
        let digest = top.digest;
        let (manifest, bytes) = match top.document {
            Document::Manifest(manifest) => (*manifest, top.bytes),
            Document::Index(entries) => {
                let missing = || Error::NoMatchingPlatform { platform: self.wanted.to_string() };
                let chosen = choose(&entries, &self.wanted).ok_or_else(missing)?;
                let inner = client.document(&chosen.digest.to_string(), Some(chosen.digest)).await?;
                match inner.document {
                    Document::Manifest(manifest) => (*manifest, inner.bytes),
                    Document::Index(_) => {
                        return Err(Error::Malformed("an index within an index".to_owned()));
                    }
                }
            }
        };
        let size = manifest.config.size.min(MAX_CONFIG_BYTES);
        let config = client.small_blob(&manifest.config.digest, size).await?;
        let file = ManifestFile { bytes, media_type: manifest.media_type.clone() };
        Ok(Found { digest, manifest, file, config })
    }

    /// Docker's last line.
    fn status(&self, reference: &Reference, is_new: bool) {
        let outcome = if is_new { "Downloaded newer image for" } else { "Image is up to date for" };
        progress::summary(&self.to, format!("Status: {outcome} {}", reference.familiar()));
    }

    /// A registry that has an image for one platform alone gives it to whoever asks; who named another is told.
    fn warn(&self, reference: &Reference, image: &Image) {
        let has = Platform {
            os: image.os.clone(),
            architecture: image.architecture.clone(),
            variant: image.variant.clone(),
        };
        if self.is_named && has.serves(&self.wanted).is_none() {
            progress::summary(
                &self.to,
                format!(
                    "WARNING: image with reference {} was found but its platform ({has}) does not match the \
                     specified platform ({})",
                    reference.familiar(),
                    self.wanted
                ),
            );
        }
    }
}

/// Each layer once, lowest first.
fn wanted(layers: &[Descriptor], diff_ids: &[Digest]) -> Result<Vec<(Descriptor, Wanted)>> {
    if layers.len() != diff_ids.len() {
        return Err(Error::Malformed("manifest and configuration differ in their layers".to_owned()));
    }
    let mut all: Vec<(Descriptor, Wanted)> = Vec::new();
    for (layer, diff_id) in layers.iter().zip(diff_ids) {
        let wanted = Wanted { blob: layer.digest, diff_id: *diff_id, size: layer.size };
        if !all.iter().any(|(_, known)| *known == wanted) {
            all.push((layer.clone(), wanted));
        }
    }
    Ok(all)
}

/// True if what was to be moved into place is not there any more: another pull had moved it, and it was removed since.
fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Io { action: "move into place", source, .. } if source.kind() == io::ErrorKind::NotFound)
}
