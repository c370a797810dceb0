//! From the mounts a new container is to have to those it gets: its volumes are found or made, and filled.

use super::catalog::{Hold, Wish, blocking};
use super::fill::{self, Fill};
use super::gather::Wanted;
use super::option::Place;
use super::{ANONYMOUS_LABEL, LOCAL, Volume, disk};
use crate::error::Result;
use crate::plan::VolumeSource;
use crate::record::MountPoint;
use crate::shared::Shared;
use std::path::{Path, PathBuf};

/// How the runtime is told which part of a volume is meant.
const SUBPATH_OPTION: &str = "x-shoal.subpath=";

/// The mounts of a container that is being made. Its volumes cannot be removed while this lives.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    pub(crate) mounts: Vec<MountPoint>,
    fills: Vec<Fill>,
    holds: Vec<Hold>,
}

/// Finds or makes the volumes. Those without a name are the container's: whoever fails after this removes them, and a
/// daemon that dies does so when it starts again.
///
/// # Errors
/// If a volume cannot be made; those made before it have been removed again.
pub(crate) async fn attach(shared: &Shared, container: &str, wanted: Vec<Wanted>) -> Result<Attached> {
    let mut attached = Attached::default();
    for Wanted { mut point, volume, declared } in wanted {
        let outcome = match &volume {
            Some(source) => one(shared, container, &mut point, source, declared, &mut attached).await,
            None => inherited(shared, &point, &mut attached).await,
        };
        if let Err(error) = outcome {
            let names: Vec<_> = attached.mounts.drain(..).filter(|mount| mount.anonymous).collect();
            drop(attached);
            for mount in names {
                if let Err(error) = super::remove(shared, &mount.name).await {
                    tracing::warn!(%error, "volume of a failed creation stays until the next start");
                }
            }
            return Err(error);
        }
        attached.mounts.push(point);
    }
    Ok(attached)
}

async fn one(
    shared: &Shared,
    container: &str,
    point: &mut MountPoint,
    source: &VolumeSource,
    declared: bool,
    attached: &mut Attached,
) -> Result<()> {
    let mut wish = Wish {
        name: source.name.clone(),
        driver: source.driver.clone(),
        options: source.driver_options.clone(),
        labels: source.labels.clone(),
    };
    point.anonymous = source.name.is_none();
    if point.anonymous {
        wish.labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
    }
    let (volume, made, hold) = shared.volumes.make(wish, point.anonymous.then_some(container)).await?;
    attached.holds.push(hold);
    if made {
        shared.publish_volume(&volume.name, "create");
    }
    place(point, &volume)?;
    if source.copy && point.subpath.is_empty() {
        attached.fills.push(Fill { volume, target: point.destination.clone(), declared });
    }
    Ok(())
}

/// Tells where the volume lies, and how it is mounted.
fn place(point: &mut MountPoint, volume: &Volume) -> Result<()> {
    point.name.clone_from(&volume.name);
    LOCAL.clone_into(&mut point.driver);
    match disk::place(volume)? {
        Place::Own => point.source = volume.mountpoint.display().to_string(),
        Place::Directory(dir) => point.source = dir,
        Place::Memory(options) => {
            point.source = volume.mountpoint.display().to_string();
            "tmpfs".clone_into(&mut point.file_system);
            point.options = options;
            if !point.rw {
                point.options.push("ro".to_owned());
            }
        }
    }
    if !point.subpath.is_empty() {
        point.options.push(format!("{SUBPATH_OPTION}{}", point.subpath));
    }
    Ok(())
}

/// Another container's volume, which that container may be about to give up.
async fn inherited(shared: &Shared, point: &MountPoint, attached: &mut Attached) -> Result<()> {
    if point.kind == "volume" {
        attached.holds.push(shared.volumes.hold_existing(&point.name).await?);
    }
    Ok(())
}

impl Attached {
    /// Whether the image has to be looked into.
    pub(crate) fn may_fill(&self) -> bool {
        !self.fills.is_empty()
    }

    /// Fills what is empty with what the image has in its place; `dir` is any directory.
    ///
    /// # Errors
    /// If the image has a file where it declares a volume, or something cannot be copied.
    pub(crate) async fn fill(&mut self, shared: &Shared, layers: Vec<PathBuf>, dir: &Path) -> Result<()> {
        let fills = std::mem::take(&mut self.fills);
        let dir = dir.to_owned();
        let _turn = shared.volumes.fills.lock().await;
        blocking(move || fill::fill(&fills, &layers, &dir)).await
    }
}
