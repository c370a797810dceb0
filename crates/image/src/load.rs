//! `docker load`: archives of `docker save`, old and new, and OCI layouts, plain or compressed.
//!
//! No name in the archive becomes a name on disk: files are spooled under numbers, with their names in memory.
//! All images of the archive appear in one moment, or none of them.

mod contents;
mod docker;
mod layout;

use std::collections::HashMap;

use tokio::io::AsyncRead;

use crate::{
    Error, Images, Loaded, ProgressSender, Result,
    archive::{Compression, feed},
    assembly::{self, Assembly, Layer, ManifestFile},
    background, clock,
    digest::Digest,
    import, progress,
    reference::Reference,
    spool::Spooled,
};
use contents::{Contents, Stored};

/// An image as an archive describes it.
#[derive(Debug)]
struct Draft {
    config: Vec<u8>,
    /// Lowest first.
    layers: Vec<Stored>,
    /// Only if the archive has one that is about this configuration.
    manifest: Option<ManifestFile>,
    names: Vec<Reference>,
}

impl Images {
    /// Takes in an archive of `docker save` or an OCI layout, plain, gzip or zstd: all of it or nothing.
    pub async fn load(
        &self,
        tar: impl AsyncRead + Send + Unpin + 'static,
        to: ProgressSender,
    ) -> Result<Vec<Loaded>> {
        let mut assembly = Assembly::begin(&self.store).await?;
        let (input, fill) = feed(tar);
        let place = assembly.operation().place().clone();
        let work = background::run("image-load", move || {
            let contents = Contents::read(input, &place)?;
            drafts(&contents)
        });
        let (_, drafts) = tokio::join!(fill, work);
        let drafts = drafts?;

        let mut ready = HashMap::new();
        let mut loaded = Vec::new();
        for draft in drafts {
            self.load_layers(&mut assembly, &draft, &mut ready, &to).await?;
            let layers: Vec<(Spooled, Compression)> = draft
                .layers
                .iter()
                .filter_map(|layer| Some((layer.spooled, *ready.get(&layer.spooled.digest)?)))
                .collect();
            let manifest = draft.manifest.unwrap_or_else(|| import::manifest(&draft.config, &layers));
            let blobs = draft.layers.iter().map(|layer| layer.spooled.digest).collect();
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

    /// Unpacks the layers that are not `ready` yet, each of which must be what the configuration says.
    async fn load_layers(
        &self,
        assembly: &mut Assembly,
        draft: &Draft,
        ready: &mut HashMap<Digest, Compression>,
        to: &ProgressSender,
    ) -> Result<()> {
        let diff_ids = assembly::diff_ids(&assembly::read_config(&draft.config)?)?;
        if diff_ids.len() != draft.layers.len() {
            let words = format!("{} layers for {} in the configuration", draft.layers.len(), diff_ids.len());
            return Err(Error::Malformed(words));
        }
        for (layer, diff_id) in draft.layers.iter().zip(diff_ids) {
            let Spooled { digest: blob, size } = layer.spooled;
            if ready.contains_key(&blob) {
                continue;
            }
            if let Some(hold) = assembly.operation().hold(diff_id, blob).await? {
                // A held layer was verified when it came; its compression only matters for a manifest of our own.
                ready.insert(blob, layer.compression);
                assembly.add_layer(Layer::Kept(hold));
                continue;
            }
            progress::bytes(to, &diff_id.short(), "Loading layer", 0, size);
            let source = layer.path.clone();
            let done =
                assembly::unpack_layer(&self.unpacks, assembly.operation(), blob, source, Some(diff_id))
                    .await?;
            ready.insert(blob, layer.compression);
            assembly.add_layer(done);
            progress::bytes(to, &diff_id.short(), "Loading layer", size, size);
        }
        Ok(())
    }
}

/// The images of an archive, by its index if it is an OCI layout, else by `manifest.json`.
fn drafts(contents: &Contents) -> Result<Vec<Draft>> {
    let docker = docker::read(contents)?;
    let mut drafts = match layout::read(contents)? {
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
