//! `docker load`: archives of `docker save`, old and new, of podman and skopeo, and OCI layouts, plain or compressed.
//!
//! No name in the archive becomes a name on disk: files lie under numbers, with their names in memory. Layers are unpacked
//! while they come ([`intake`]). All images of the archive appear in one moment, or none of them.

mod contents;
mod docker;
mod intake;
mod known;
mod layout;
mod stored;

use std::collections::HashMap;

use tokio::{io::AsyncRead, runtime::Handle};

use crate::{
    Error, Images, Loaded, ProgressSender, Result,
    archive::{Compression, feed},
    assembly::{self, Assembly, Layer, ManifestFile},
    background, clock,
    digest::Digest,
    import,
    platform::Platform,
    reference::Reference,
    spool::Spooled,
};
use contents::Contents;
use known::Known;
pub(crate) use layout::{FULL_NAME, REF_NAME};
use stored::Fate;

/// An image as an archive describes it.
#[derive(Debug)]
struct Draft {
    config: Vec<u8>,
    /// Numbers of files, lowest layer first.
    layers: Vec<usize>,
    /// Only if the archive has one that is about this configuration.
    manifest: Option<ManifestFile>,
    names: Vec<Reference>,
}

impl Images {
    /// Takes in an archive of `docker save` or an OCI layout, plain, gzip or zstd: all of it or nothing. If a platform is
    /// given, only images for it.
    pub async fn load(
        &self,
        tar: impl AsyncRead + Send + Unpin + 'static,
        platform: Option<&str>,
        to: ProgressSender,
    ) -> Result<Vec<Loaded>> {
        let wanted = platform.filter(|text| !text.is_empty()).map(str::parse::<Platform>).transpose()?;
        let mut assembly = Assembly::begin(&self.store).await?;
        let (input, fill) = feed(tar);
        let (place, holder) = (assembly.operation().place().clone(), assembly.operation().holder());
        let (catalog, paths) = (self.store.catalog(), self.store.paths().clone());
        let runtime = Handle::current();
        let work = background::run("image-load", move || {
            let known = Known::new(&catalog, paths, holder, runtime);
            let contents = Contents::read(input, &place, &known, &to)?;
            let drafts = drafts(&contents, wanted.as_ref())?;
            Ok((contents, drafts))
        });
        let (_, work) = tokio::join!(fill, work);
        let (mut contents, drafts) = work?;

        let mut ready = HashMap::new();
        let mut loaded = Vec::new();
        for draft in drafts {
            let layers = self.load_layers(&mut assembly, &draft, &mut contents, &mut ready).await?;
            let manifest = draft.manifest.unwrap_or_else(|| import::manifest(&draft.config, &layers));
            let blobs = layers.iter().map(|(spooled, _)| spooled.digest).collect();
            let id = assembly.add_image(&draft.config, &manifest, blobs)?;
            if draft.names.is_empty() {
                loaded.push(Loaded { reference: None, image_id: id.to_string() });
            }
            for name in draft.names {
                assembly.add_name(name.to_string(), id, clock::now_ns());
                loaded.push(Loaded { reference: Some(name.familiar()), image_id: id.to_string() });
            }
        }
        assembly.publish().await?;
        Ok(loaded)
    }

    /// The layers of an image, each of which must be what the configuration says. `ready` are those taken in before.
    async fn load_layers(
        &self,
        assembly: &mut Assembly,
        draft: &Draft,
        contents: &mut Contents,
        ready: &mut HashMap<Digest, Digest>,
    ) -> Result<Vec<(Spooled, Compression)>> {
        let diff_ids = assembly::diff_ids(&assembly::read_config(&draft.config)?)?;
        if diff_ids.len() != draft.layers.len() {
            let words = format!("{} layers for {} in the configuration", draft.layers.len(), diff_ids.len());
            return Err(Error::Malformed(words));
        }
        let mut layers = Vec::with_capacity(diff_ids.len());
        for (number, diff_id) in draft.layers.iter().zip(diff_ids) {
            let Some(stored) = contents.file(*number) else { return Err(Error::Closed) };
            let blob = stored.spooled.digest;
            layers.push((stored.spooled, stored.compression));
            if let Some(before) = ready.get(&blob) {
                before.expect(&diff_id)?;
                continue;
            }
            let source = stored.path.clone();
            let layer = match stored.fate.take() {
                Some(Fate::Kept { hold, layer }) => {
                    layer.expect(&diff_id)?;
                    Layer::Kept(hold)
                }
                Some(Fate::Unpacked { directory, unpacked }) => {
                    unpacked.diff_id.expect(&diff_id)?;
                    Layer::Fresh { blob, source, directory, unpacked }
                }
                Some(Fate::Failed(error)) => return Err(error),
                None => match assembly.operation().hold(diff_id, blob).await? {
                    Some(hold) => Layer::Kept(hold),
                    None => {
                        let operation = assembly.operation();
                        assembly::unpack_layer(&self.unpacks, operation, blob, source, Some(diff_id)).await?
                    }
                },
            };
            ready.insert(blob, diff_id);
            assembly.add_layer(layer);
        }
        Ok(layers)
    }
}

/// The images of an archive, of this platform if one is wanted.
fn drafts(contents: &Contents, wanted: Option<&Platform>) -> Result<Vec<Draft>> {
    let drafts = all_drafts(contents, wanted)?;
    let Some(wanted) = wanted else { return Ok(drafts) };
    let mut chosen = Vec::new();
    for draft in drafts {
        if assembly::read_config(&draft.config)?.platform().serves(wanted).is_some() {
            chosen.push(draft);
        }
    }
    match chosen.is_empty() {
        true => Err(Error::NoMatchingPlatform { platform: wanted.to_string() }),
        false => Ok(chosen),
    }
}

/// The images of an archive, by its index if it is an OCI layout, else by `manifest.json`.
fn all_drafts(contents: &Contents, wanted: Option<&Platform>) -> Result<Vec<Draft>> {
    let docker = docker::read(contents)?;
    let mut drafts = match layout::read(contents, wanted)? {
        Some(drafts) => drafts,
        None => {
            return docker
                .ok_or_else(|| Error::Archive("neither manifest.json nor index.json in it".to_owned()));
        }
    };
    // `docker save` writes both; full names are in its own file.
    for other in docker.into_iter().flatten() {
        match drafts.iter_mut().find(|draft| draft.config == other.config) {
            Some(draft) => {
                draft.names.extend(other.names);
                draft.names.sort();
                draft.names.dedup();
            }
            None => drafts.push(other),
        }
    }
    Ok(drafts)
}
