//! The image room: references, content store, registry client, unpacking, writable layers.
//!
//! Purpose: from a name, a registry or an archive to the directories of an overlay root.
//! Inputs: archives, registries and image configurations, all of them hostile; container ids of the engine.
//! Outputs: [`Image`] values, [`Rootfs`] paths, [`Progress`] lines.
//! May not touch: anything outside its own directory, mounts, containers, HTTP serving. It imports no other room.
//!
//! `docs/images.md` tells how the store lies on disk and what a crash leaves.

#![forbid(unsafe_code)]

mod config;
mod error;
mod model;

use std::collections::HashSet;

use tokio::io::AsyncRead;

pub use config::{Config, Healthcheck, History, ImageFile, RootFs};
pub use error::{Error, ErrorKind, Result};
pub use model::{
    Image, ImageUse, ImagesConfig, ImportOptions, Loaded, Progress, ProgressSender, RegistryAuth, RemoveOptions, Removed,
    Rootfs,
};

use std::sync::Arc;

/// The images of one daemon. Cheap to clone; all clones are the same store.
#[derive(Clone, Debug)]
pub struct Images {
    config: Arc<ImagesConfig>,
}

impl Images {
    /// Opens or makes the store, and removes what a crash left half-done.
    pub async fn open(config: ImagesConfig) -> Result<Images> {
        Ok(Images { config: Arc::new(config) })
    }

    /// The image under a name, `name@digest`, id or unambiguous beginning of an id.
    pub async fn get(&self, reference: &str) -> Result<Arc<Image>> {
        Err(Error::NoSuchImage(reference.to_owned()))
    }

    /// All images, newest first.
    pub async fn list(&self) -> Result<Vec<Arc<Image>>> {
        Ok(Vec::new())
    }

    /// Fetches an image from its registry, or from a mirror of docker.io.
    pub async fn pull(
        &self,
        reference: &str,
        _platform: Option<&str>,
        _auth: Option<RegistryAuth>,
        _progress: ProgressSender,
    ) -> Result<Arc<Image>> {
        Err(Error::NoSuchImage(reference.to_owned()))
    }

    /// Takes in an archive of `docker save` or an OCI layout, plain, gzip or zstd: all of it or nothing.
    pub async fn load(
        &self,
        _tar: impl AsyncRead + Send + Unpin + 'static,
        _progress: ProgressSender,
    ) -> Result<Vec<Loaded>> {
        Err(Error::Closed)
    }

    /// Makes an image with one layer from a plain, gzip or zstd archive of a root directory.
    pub async fn import(
        &self,
        _tar: impl AsyncRead + Send + Unpin + 'static,
        _options: ImportOptions,
        _progress: ProgressSender,
    ) -> Result<Arc<Image>> {
        Err(Error::Closed)
    }

    /// Gives an image a further name; a name that belongs to another image moves.
    pub async fn tag(&self, source: &str, _target: &str) -> Result<()> {
        Err(Error::NoSuchImage(source.to_owned()))
    }

    /// Removes a name, or an image when it was the last one, by Docker's rules.
    pub async fn remove(&self, reference: &str, _options: RemoveOptions) -> Result<Vec<Removed>> {
        Err(Error::NoSuchImage(reference.to_owned()))
    }

    /// Makes the writable layer of a container, or finds the one that is there, which keeps the image's layers on disk.
    pub async fn prepare(&self, _container_id: &str, image_id: &str) -> Result<Rootfs> {
        Err(Error::NoSuchImage(image_id.to_owned()))
    }

    /// The paths of a container that was prepared.
    pub async fn rootfs(&self, container_id: &str) -> Result<Rootfs> {
        Err(Error::NoSuchLayer(container_id.to_owned()))
    }

    /// Removes the writable layer of a container; nothing to do if there is none.
    pub async fn release(&self, _container_id: &str) -> Result<()> {
        Ok(())
    }

    /// Removes the writable layers of all containers but these. Called once, when the daemon starts.
    pub async fn retain(&self, _live_container_ids: &HashSet<String>) {
        tracing::trace!(root = %self.config.root.display(), "nothing to retain yet");
    }
}
