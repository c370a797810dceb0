//! Volumes: directories that outlive containers.
//!
//! Purpose: make, list and remove volumes; decide which mounts a new container has (its own, its image's, those of other
//! containers) and fill a new volume with what the image has in its place. Inputs: requests, specs, records. Outputs:
//! [`Volume`] values and the [`crate::MountPoint`]s of a record.
//!
//! - [`Volumes`]: the handle · [`catalog`]: which there are · [`disk`]: how they lie there · [`option`]: the local driver's
//! - [`gather`]: the mounts of a new container · [`attach`]: their volumes made and filled
//!
//! Who uses a volume is told by the containers' records alone. May not touch: mounts (a volume is mounted in the namespaces
//! of its containers, by `runtime`).

mod attach;
mod catalog;
mod chown;
mod disk;
mod draft;
mod error;
mod fill;
mod flag;
mod gather;
mod memory;
mod name;
mod option;
mod prune;
mod quota;
mod source;
mod usage;
mod way;

pub(crate) use attach::{Attached, attach};
pub(crate) use catalog::{Catalog, LOCAL};
pub(crate) use chown::chown;
pub(crate) use gather::{Inherited, Wanted, gather};
pub(crate) use name::check_name;
pub(crate) use source::Sources;
pub(crate) use way::Way;

pub use catalog::Wish as VolumeWish;
pub use error::Error;
pub use prune::Pruned;

use crate::error::Result;
use crate::event::EventKind;
use crate::record::{MountPoint, Record};
use crate::shared::Shared;
use attach::SUBPATH_OPTION;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The label that tells a volume made without a name; Docker's.
pub const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

/// One volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its name: two or more letters, digits, `_`, `.`, `-`.
    pub name: String,
    /// When it was made, in nanoseconds since the epoch.
    pub created_ns: i64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The options of the local driver.
    pub options: BTreeMap<String, String>,
    /// Its own directory on the host.
    pub mountpoint: PathBuf,
}

/// The volumes of this engine. Cheap to clone.
#[derive(Clone)]
pub struct Volumes {
    pub(crate) shared: Arc<Shared>,
}

impl Volumes {
    pub(crate) fn new(shared: Arc<Shared>) -> Volumes {
        Volumes { shared }
    }

    /// Makes a volume, or gives the one that has the name already.
    ///
    /// # Errors
    /// If the name, the driver or its options cannot be honoured.
    pub async fn create(&self, mut wish: VolumeWish) -> Result<Arc<Volume>> {
        wish.name = wish.name.filter(|name| !name.is_empty());
        if wish.name.is_none() {
            wish.labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
        }
        let (volume, made, _hold) = self.shared.volumes.make(wish, None).await?;
        if made {
            self.shared.publish_volume(&volume.name, "create");
        }
        Ok(volume)
    }

    /// All volumes, by name. Does not wait for anything.
    pub fn list(&self) -> Vec<Arc<Volume>> {
        self.shared.volumes.list()
    }

    /// The volume of this name. Does not wait for anything.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn inspect(&self, name: &str) -> Result<Arc<Volume>> {
        Ok(self.shared.volumes.find(name).ok_or_else(|| Error::NotFound(name.to_owned()))?)
    }

    /// The ids of the containers that have the volume mounted, or will when they start.
    pub fn users(&self, name: &str) -> Vec<String> {
        users(&self.shared, name)
    }

    /// Removes a volume with all that is in it. With `force` one that is not there is fine; one in use never is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InUse`]
    pub async fn remove(&self, name: &str, force: bool) -> Result<()> {
        match remove(&self.shared, name).await {
            Err(crate::Error::Volume(Error::NotFound(_))) if force => Ok(()),
            other => other,
        }
    }
}

/// Removes a volume that nobody uses, and tells.
pub(crate) async fn remove(shared: &Shared, name: &str) -> Result<()> {
    shared.volumes.remove(name, || users(shared, name)).await?;
    shared.publish_volume(name, "destroy");
    Ok(())
}

/// Removes the volumes that were made for a container that is gone, unless others use them by now.
pub(crate) async fn remove_anonymous(shared: &Shared, record: &Record) {
    for name in anonymous(record) {
        match remove(shared, &name).await {
            Ok(()) | Err(crate::Error::Volume(Error::NotFound(_) | Error::InUse { .. })) => {}
            Err(error) => {
                tracing::warn!(container = record.short_id(), %error, "volume of a removed container stays")
            }
        }
    }
}

/// Lets the store of images have the layers back that a container had mounted. What fails is done at the next start.
pub(crate) async fn release_images(shared: &Shared, record: &Record) {
    for pin in record.pins() {
        if let Err(error) = shared.images.release(pin).await {
            tracing::warn!(container = record.short_id(), %error, "layers of a mounted image stay until the next start");
        }
    }
}

/// The volumes of a container that nobody gave a name.
pub(crate) fn anonymous(record: &Record) -> Vec<String> {
    let own = record.mounts.iter().filter(|mount| mount.anonymous);
    own.map(|mount| mount.name.clone()).collect()
}

/// Tells that a container has its volumes mounted, or has not any more.
pub(crate) fn tell_mounted(shared: &Shared, record: &Record, mounted: bool) {
    for mount in record.mounts.iter().filter(|mount| mount.kind == "volume") {
        let mut attributes = BTreeMap::from([
            ("container".to_owned(), record.id.clone()),
            ("driver".to_owned(), LOCAL.to_owned()),
        ]);
        if mounted {
            attributes.insert("destination".to_owned(), mount.destination.clone());
            attributes.insert("propagation".to_owned(), mount.propagation.clone());
            attributes.insert("read/write".to_owned(), mount.rw.to_string());
        }
        let action = if mounted { "mount" } else { "unmount" };
        shared.publish_as(EventKind::Volume, &mount.name, action, attributes);
    }
}

fn users(shared: &Shared, name: &str) -> Vec<String> {
    let uses = |mount: &MountPoint| mount.kind == "volume" && mount.name == name;
    let records = shared.index().snapshots();
    records.iter().filter(|record| record.mounts.iter().any(uses)).map(|record| record.id.clone()).collect()
}
