//! From the mounts a new container is to have to those it gets: its volumes are found or made, and filled.

use super::catalog::{Hold, Wish, blocking};
use super::error::Error as VolumeError;
use super::fill::{self, Fill};
use super::gather::Wanted;
use super::memory;
use super::option::Place;
use super::source::COPY_UP_OPTION;
use super::{ANONYMOUS_LABEL, LOCAL, Volume, disk};
use crate::error::{Error, Result};
use crate::plan::VolumeSource;
use crate::record::MountPoint;
use crate::shared::Shared;
use crate::spec::Invalid;
use std::path::{Path, PathBuf};

/// How the runtime is told which part of a volume is meant.
pub(super) const SUBPATH_OPTION: &str = "x-shoal.subpath=";
/// What only the machine can mount; as a whole read-only, if the volume's own options say so.
const HOST_OPTION: &str = "x-shoal.host";
const HOST_READ_ONLY_OPTION: &str = "x-shoal.host=ro";
/// The type of a mount of layers.
const LAYERS: &str = "overlay";

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
    for (number, Wanted { mut point, volume, image, declared }) in wanted.into_iter().enumerate() {
        let outcome = match (&volume, &image) {
            (Some(source), _) => one(shared, container, &mut point, source, declared, &mut attached).await,
            (None, Some(image)) => layers(shared, format!("{container}.{number}"), &mut point, image).await,
            (None, None) => inherited(shared, &point, &mut attached).await,
        };
        if let Err(error) = outcome {
            let mounts = std::mem::take(&mut attached.mounts);
            drop(attached);
            take_back(shared, mounts).await;
            return Err(error);
        }
        attached.mounts.push(point);
    }
    Ok(attached)
}

/// Takes back what was made for a container that comes to nothing. What stays goes when the daemon starts.
async fn take_back(shared: &Shared, mounts: Vec<MountPoint>) {
    for mount in mounts {
        if !mount.pin.is_empty()
            && let Err(error) = shared.images.release(&mount.pin).await
        {
            tracing::warn!(%error, "layers of a failed creation stay until the next start");
        }
        if mount.anonymous
            && let Err(error) = super::remove(shared, &mount.name).await
        {
            tracing::warn!(%error, "volume of a failed creation stays until the next start");
        }
    }
}

/// Another image's files. Its layers are kept under the container's name and a number, as long as the container is there.
async fn layers(shared: &Shared, pin: String, point: &mut MountPoint, reference: &str) -> Result<()> {
    let wrong = |reason: String| Error::from(Invalid::Mount { kind: "image", reason });
    // Not as "not found": clients take that for the absence of the container's own image, pull it, and try again.
    let image = shared.images.get(reference).await.map_err(|error| wrong(error.to_string()))?;
    let kept = shared.images.prepare(&pin, &image.id).await.map_err(|error| wrong(error.to_string()))?;
    point.pin = pin;
    point.image.clone_from(&image.id);
    point.source.clone_from(&image.id);
    point.rw = false;
    LAYERS.clone_into(&mut point.file_system);
    LAYERS.clone_into(&mut point.device);
    let subpath = format!("{SUBPATH_OPTION}{}", point.subpath);
    if !point.subpath.is_empty() && !point.options.contains(&subpath) {
        point.options.push(subpath);
    }
    if kept.lowers.is_empty() {
        take_back(shared, vec![point.clone()]).await;
        return Err(wrong(format!("image {reference} has no files")));
    }
    Ok(())
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
    let (volume, made, hold) =
        shared.volumes.make(wish, point.anonymous.then_some(container)).await.map_err(
            |error| match error {
                // As with images.
                Error::Volume(VolumeError::NoDriver(_)) => {
                    Invalid::Mount { kind: "volume", reason: error.to_string() }.into()
                }
                error => error,
            },
        )?;
    attached.holds.push(hold);
    if made {
        shared.publish_volume(&volume.name, "create");
    }
    place(point, &volume, source.copy)?;
    if source.copy && point.subpath.is_empty() {
        attached.fills.push(Fill { volume, target: point.destination.clone(), declared });
    }
    Ok(())
}

/// Tells where the volume lies, and how it is mounted; `copy`: it may begin with what the image has in its place.
pub(super) fn place(point: &mut MountPoint, volume: &Volume, copy: bool) -> Result<()> {
    point.name.clone_from(&volume.name);
    LOCAL.clone_into(&mut point.driver);
    point.source = volume.mountpoint.display().to_string();
    let rw = point.rw;
    // The container's word stands where the volume's would let it write.
    let said = move |options: Vec<String>| options.into_iter().filter(move |option| rw || option != "rw");
    match disk::place(volume)? {
        Place::Own => {}
        Place::Directory { path, recursive, options } => {
            point.source = path;
            if !recursive {
                point
                    .options
                    .iter_mut()
                    .filter(|option| *option == "rbind")
                    .for_each(|o| "bind".clone_into(o));
            }
            point.options.extend(said(options));
        }
        Place::Memory(options) => {
            "tmpfs".clone_into(&mut point.file_system);
            point.device = memory::source(&volume.name);
            point.options = said(options).collect();
            if copy {
                point.options.push(COPY_UP_OPTION.to_owned());
            }
        }
        Place::FileSystem { name, device, options } => {
            point.file_system = name;
            point.device = device;
            let read_only = options.iter().any(|option| option == "ro");
            point.options = said(options).chain(["rprivate".to_owned()]).collect();
            point.options.push(if read_only { HOST_READ_ONLY_OPTION } else { HOST_OPTION }.to_owned());
        }
    }
    if !point.is_of_host() && !rw {
        point.options.push("ro".to_owned());
    }
    // Of memory only where another container has it.
    if !point.subpath.is_empty() && !point.is_memory() {
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
