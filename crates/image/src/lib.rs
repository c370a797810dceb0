//! The image room: references, content store, registry client, unpacking, writable layers.
//!
//! Purpose: from a name, a registry or an archive to the directories of an overlay root.
//! Inputs: archives, registries and image configurations, all of them hostile; container ids of the engine.
//! Outputs: [`Image`] values, [`Rootfs`] paths, [`Progress`] lines.
//! May not touch: anything outside its own directory, mounts, containers, HTTP serving. It imports no other room.
//!
//! `docs/images.md` tells how the store lies on disk and what a crash leaves.

#![forbid(unsafe_code)]

pub mod archive;
mod assembly;
mod background;
mod check;
mod clock;
mod collect;
mod commit;
mod config;
mod digest;
mod disk;
mod distribution;
mod error;
mod flight;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod import;
mod layer_chain;
mod load;
mod login;
mod manifest;
mod model;
mod platform;
mod progress;
mod prune;
mod pull;
mod push;
mod reference;
mod registry;
mod remove;
mod save;
mod search;
mod spool;
mod store;
mod tag;
mod unpack;
mod usage;

use std::{
    cmp::Reverse,
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use assembly::Arrival;
use tokio::sync::Semaphore;

pub use check::{CheckOptions, CheckReport, check};
pub use collect::{CollectPolicy, Collected, MinFree};
pub use commit::CommitOptions;
pub use config::{Config, Healthcheck, History, ImageFile, RootFs};
pub use disk::disk_bytes;
pub use error::{Error, ErrorKind, Result};
use flight::Flights;
pub use model::{
    Distribution, FoundImage, Image, ImageUse, ImagesConfig, ImportOptions, Loaded, Progress, ProgressSender,
    Pushed, RegistryAuth, RemoveOptions, Removed, Rootfs,
};
pub use prune::{PruneOptions, Pruned};
use store::{Paths, Store};
pub use usage::{ImageUsage, Usage};

/// The images of one daemon. Cheap to clone; all clones are the same store, which closes with the last of them.
///
/// `pull`, `load`, `import`, `tag` and `remove` are in files of their names.
#[derive(Clone, Debug)]
pub struct Images {
    store: Store,
    /// Replaced whole when the daemon reads its configuration again; a pull goes on with what it began with.
    config: Arc<RwLock<Arc<ImagesConfig>>>,
    /// Places for unpacking, which is bound by processors.
    unpacks: Arc<Semaphore>,
    /// Places for downloading; replaced when the configuration has another number of them.
    downloads: Arc<RwLock<Arc<Semaphore>>>,
    /// Layers that are being downloaded, for all who want them.
    flights: Flights<Arrival>,
}

impl Images {
    /// Opens or makes the store, and removes what a crash left half-done.
    pub async fn open(config: ImagesConfig) -> Result<Images> {
        let store = Store::open(Paths::new(config.root.clone())).await?;
        Ok(Images {
            store,
            downloads: Arc::new(RwLock::new(Arc::new(Semaphore::new(config.max_downloads.max(1))))),
            config: Arc::new(RwLock::new(Arc::new(config))),
            unpacks: assembly::unpack_places(),
            flights: Flights::default(),
        })
    }

    /// Takes the registries of a configuration that was read again; the place of the store stays.
    pub fn reconfigure(&self, config: ImagesConfig) {
        let mut downloads = self.downloads.write().unwrap_or_else(PoisonError::into_inner);
        if self.config().max_downloads != config.max_downloads {
            *downloads = Arc::new(Semaphore::new(config.max_downloads.max(1)));
        }
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(ImagesConfig { root: current.root.clone(), ..config });
    }

    fn downloads(&self) -> Arc<Semaphore> {
        self.downloads.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn config(&self) -> Arc<ImagesConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The image under a name, `name@digest`, id or unambiguous beginning of an id. Does not wait for anything.
    pub async fn get(&self, reference: &str) -> Result<Arc<Image>> {
        self.store.catalog().find(reference).map(|entry| entry.image.clone())
    }

    /// All images, newest first. Does not wait for anything.
    pub async fn list(&self) -> Result<Vec<Arc<Image>>> {
        let catalog = self.store.catalog();
        let mut images: Vec<Arc<Image>> = catalog.images.values().map(|entry| entry.image.clone()).collect();
        images.sort_by_cached_key(|image| Reverse(image.created.clone()));
        Ok(images)
    }

    /// Where the unpacked layers of an image lie, topmost first. Does not wait for anything.
    pub async fn layer_dirs(&self, reference: &str) -> Result<Vec<PathBuf>> {
        let catalog = self.store.catalog();
        let layers = &catalog.find(reference)?.record.layers;
        Ok(layers.iter().rev().map(|layer| self.store.paths().layer(layer).join(store::DIFF)).collect())
    }

    /// Makes the writable layer of a container, or finds the one that is there, which keeps the image's layers on disk.
    pub async fn prepare(&self, container_id: &str, image_id: &str) -> Result<Rootfs> {
        let image = self.store.catalog().resolve(image_id)?;
        let container = container_id.to_owned();
        self.store.change(move |state| state.prepare(&container, &image)).await
    }

    /// The paths of a container that was prepared.
    pub async fn rootfs(&self, container_id: &str) -> Result<Rootfs> {
        // One small file, read from memory: quicker than handing it to another thread.
        store::rootfs(self.store.paths(), container_id)
    }

    /// Removes the writable layer of a container; nothing to do if there is none.
    pub async fn release(&self, container_id: &str) -> Result<()> {
        self.store.release(container_id.to_owned()).await
    }

    /// Removes the writable layers of all containers but these. Called once, when the daemon starts.
    pub async fn retain(&self, live_container_ids: &HashSet<String>) {
        if let Err(error) = self.store.retain(live_container_ids.clone()).await {
            tracing::warn!(%error, "writable layers of unknown containers stay");
        }
    }
}
