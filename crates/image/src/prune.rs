//! `docker image prune`, and what the garbage collector does with its plan: many images gone in one transaction.
//!
//! Inputs: which images are wanted gone, and the containers there are. Outputs: what went, and the bytes it gave back.
//! An image that a container uses, running or not, stays with all its names, and so does one that another was built from.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Image, ImageUse, Images, RemoveOptions, Removed, Result, background,
    digest::Digest,
    remove::Removal,
    store::{Catalog, State},
    usage::{Content, contents, measure},
};

/// What a prune must not touch.
#[derive(Clone, Debug, Default)]
pub struct PruneOptions {
    /// The containers that exist.
    pub in_use: Vec<ImageUse>,
}

/// What a prune took away.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// The images, each with the effects of its removal in the order Docker reports them.
    pub images: Vec<(Arc<Image>, Vec<Removed>)>,
    /// Bytes on the disk that are free again.
    pub bytes: u64,
}

impl Images {
    /// Removes the images that `wanted` says yes to. Those between others go with the last image that was built from them.
    pub async fn prune(
        &self,
        wanted: impl Fn(&Image) -> bool + Send + 'static,
        options: PruneOptions,
    ) -> Result<Pruned> {
        let catalog = self.store.catalog();
        let is_between = |id: &Digest, image: &Image| {
            image.repo_tags.is_empty()
                && image.repo_digests.is_empty()
                && catalog.images.values().any(|other| other.record.parent == Some(*id))
        };
        let entries = catalog.images.iter();
        let ids = entries
            .filter(|(id, entry)| wanted(&entry.image) && !is_between(id, &entry.image))
            .map(|(id, _)| *id)
            .collect();
        self.take(ids, options).await
    }

    /// Removes these images, as far as nothing forbids it.
    pub(crate) async fn take(&self, ids: Vec<Digest>, options: PruneOptions) -> Result<Pruned> {
        if ids.is_empty() {
            return Ok(Pruned::default());
        }
        let store = self.store.clone();
        // Ahead of the removal, so that the keeper walks no tree.
        let (ids, sizes) = background::run("image-prune", move || {
            let contents = contents(&store.catalog());
            let mut sizes = HashMap::new();
            for content in ids.iter().filter_map(|id| contents.get(id)).flatten() {
                if !sizes.contains_key(content) {
                    sizes.insert(*content, measure(&store, content)?);
                }
            }
            Ok((ids, sizes))
        })
        .await?;
        let options = RemoveOptions { in_use: options.in_use, ..RemoveOptions::default() };
        self.store.change(move |state| take(state, ids, &sizes, &options)).await
    }
}

fn take(
    state: &mut State,
    mut ids: Vec<Digest>,
    sizes: &HashMap<Content, u64>,
    options: &RemoveOptions,
) -> Result<Pruned> {
    let before = state.published.load_full();
    let mut removal = Removal::new(&before, options);
    let mut images = Vec::new();
    // An image may go once those built from it are gone, whatever the order they are named in.
    loop {
        let left = ids.len();
        ids.retain(|id| {
            let effects = removal.take(*id);
            let image = before.images.get(id).map(|entry| entry.image.clone());
            match (effects.is_empty(), image) {
                (false, Some(image)) => {
                    images.push((image, effects));
                    false
                }
                _ => true,
            }
        });
        if ids.len() == left {
            break;
        }
    }
    if images.is_empty() {
        return Ok(Pruned::default());
    }
    state.alter(removal.changes)?;
    let after = state.published.load_full();
    let bytes = freed(&before, &after).iter().filter_map(|content| sizes.get(content)).sum();
    Ok(Pruned { images, bytes })
}

/// The content that was there and is not any more.
fn freed(before: &Catalog, after: &Catalog) -> HashSet<Content> {
    let kept: HashSet<Content> = contents(after).into_values().flatten().collect();
    let gone = contents(before).into_values().flatten().filter(|content| !kept.contains(content));
    gone.filter(|content| match content {
        // A container may hold the layer still.
        Content::Layer(layer) => !after.layers.contains_key(layer),
        Content::Blob(_) => true,
    })
    .collect()
}
