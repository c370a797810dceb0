//! One layer on its way to a registry: there already, mounted from another repository, or sent.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::pack;
use crate::{
    Error, ProgressSender, Result, background,
    digest::Digest,
    manifest::Descriptor,
    progress,
    reference::Reference,
    registry::{Begun, Client, Growth, Source},
    store::{BlobRecord, Packed, Seen, Store, Workplace},
};

/// Other repositories that are asked for a mount, as many as Docker asks.
const MAX_MOUNTS: usize = 4;

/// A layer that is to be pushed.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// What the layer is called in progress.
    pub(super) diff_id: Digest,
    /// As the image's manifest names it, which is as it lies here.
    pub(super) descriptor: Descriptor,
    pub(super) known: Option<BlobRecord>,
}

/// What all layers of a push share.
pub(super) struct Road<'a> {
    pub(super) client: &'a Client,
    pub(super) store: &'a Store,
    pub(super) reference: &'a Reference,
    pub(super) place: &'a Arc<Workplace>,
    pub(super) to: &'a ProgressSender,
    /// Places for compressing: each takes all processors.
    pub(super) packs: Semaphore,
}

impl Layer {
    /// True if it is to be compressed: a plain layer that was made here. What came plain from a registry stays so, since
    /// the image's digest depends on it.
    fn is_packed_on_the_way(&self) -> bool {
        let is_plain = self.descriptor.media_type.ends_with(".tar");
        let came_so =
            self.known.as_ref().is_some_and(|known| known.packed.is_none() && !known.repositories.is_empty());
        is_plain && !came_so
    }

    /// What the registry is to have, if that is known before the layer is compressed.
    fn expected(&self) -> Option<Packed> {
        match self.is_packed_on_the_way() {
            false => Some(Packed { digest: self.descriptor.digest, size: self.descriptor.size }),
            true => self.known.as_ref().and_then(|known| known.packed),
        }
    }

    /// The layer as the pushed manifest names it.
    fn pushed(&self, digest: Digest, size: u64) -> (Descriptor, Seen) {
        let is_packed = self.is_packed_on_the_way();
        let mut descriptor = Descriptor { digest, size, ..self.descriptor.clone() };
        if is_packed {
            let suffix =
                if descriptor.media_type.starts_with("application/vnd.docker.") { ".gzip" } else { "+gzip" };
            descriptor.media_type.push_str(suffix);
        }
        let packed = is_packed.then_some(Packed { digest, size });
        (descriptor, Seen { blob: self.descriptor.digest, packed })
    }

    /// Repositories of the same registry that may have it, the newest first.
    fn mounts(&self, reference: &Reference) -> Vec<String> {
        let own = reference.repository();
        let within = format!("{}/", reference.domain);
        let repositories = self.known.iter().flat_map(|known| known.repositories.iter().rev());
        let others =
            repositories.filter(|other| **other != own).filter_map(|other| other.strip_prefix(&within));
        others.take(MAX_MOUNTS).map(str::to_owned).collect()
    }
}

impl Road<'_> {
    /// Brings a layer to the registry; gives its digest here, and what it is there.
    pub(super) async fn push(&self, layer: Layer) -> Result<(Digest, (Descriptor, Seen))> {
        self.bring(&layer).await.map(|pushed| (layer.descriptor.digest, pushed))
    }

    async fn bring(&self, layer: &Layer) -> Result<(Descriptor, Seen)> {
        let short = layer.diff_id.short();
        let mut session = None;
        if let Some(Packed { digest, size }) = layer.expected() {
            if self.client.has_blob(&digest).await? {
                progress::line(self.to, &short, "Layer already exists");
                return Ok(layer.pushed(digest, size));
            }
            for from in layer.mounts(self.reference) {
                match self.mount(&digest, &from).await {
                    Some(Begun::Mounted) => {
                        if let Some(unused) = session {
                            self.client.abandon(unused).await;
                        }
                        progress::line(self.to, &short, &format!("Mounted from {from}"));
                        return Ok(layer.pushed(digest, size));
                    }
                    Some(Begun::Session(url)) => {
                        if let Some(unused) = session.replace(url) {
                            self.client.abandon(unused).await;
                        }
                    }
                    None => {}
                }
            }
        }
        progress::line(self.to, &short, "Pushing");
        let file = self.store.paths().blob(&layer.descriptor.digest);
        let sent = match layer.is_packed_on_the_way() {
            true => {
                let turn = self.packs.acquire().await.map_err(|_| Error::Closed)?;
                let (growing, growth) = watch::channel(Growth::default());
                let target = self.place.name("packed");
                let size = layer.descriptor.size;
                let source = Source::growing(target.clone(), growth, short.clone(), size, self.to.clone());
                let place = self.place.clone();
                let packing = async {
                    let work = move || pack::pack(&file, &target, &place, &growing);
                    let packed = background::run("image-pack", work).await;
                    // The next layer is compressed while the registry takes its time over this one.
                    drop(turn);
                    packed
                };
                let (sent, ()) = tokio::try_join!(self.client.upload(&source, session), packing)?;
                sent
            }
            false => {
                let Descriptor { digest, size, .. } = layer.descriptor;
                let source = Source::whole(file, digest, size, short.clone(), self.to.clone());
                self.client.upload(&source, session).await?
            }
        };
        progress::line(self.to, &short, "Pushed");
        Ok(layer.pushed(sent.0, sent.1))
    }

    /// A registry that does not let us read the other repository is asked no further; the layer is sent instead.
    async fn mount(&self, digest: &Digest, from: &str) -> Option<Begun> {
        match self.client.begin(Some((digest, from))).await {
            Ok(begun) => Some(begun),
            Err(error) => {
                tracing::debug!(%error, from, "a layer cannot be mounted");
                None
            }
        }
    }
}
