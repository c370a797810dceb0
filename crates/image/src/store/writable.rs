//! Writable layers of containers: directories only, nothing is mounted here and nothing is in the metadata file.
//!
//! A container's directory lists the layers beneath it, so that a daemon that starts knows which layers are in use
//! although their image may be gone. A death half-way through `prepare` leaves a directory that `retain` or the next
//! `prepare` takes away or completes.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use super::{
    paths::{DIFF, LOWER, Paths, WORK},
    state::{State, TRASH, forget},
    trash,
};
use crate::{Error, Result, Rootfs, background, clock, digest::Digest};

impl State {
    /// Makes the writable layer of a container, unless it is there.
    pub(crate) fn prepare(&mut self, container: &str, image: &Digest) -> Result<Rootfs> {
        let home = self.paths.container(container)?;
        if self.containers.contains_key(container) {
            return rootfs(&self.paths, container);
        }
        let catalog = self.published.load_full();
        let entry = catalog.images.get(image).ok_or_else(|| Error::NoSuchImage(image.to_string()))?;
        let layers = stack(&entry.record.layers);
        let links: Vec<&str> = layers
            .iter()
            .filter_map(|layer| catalog.layers.get(layer))
            .map(|layer| layer.link.as_str())
            .collect();
        let upper = home.join(DIFF);
        if upper.is_dir() {
            // The list was lost with the machine's power; the container's files were not.
            write_list(&home, &links)?;
        } else {
            self.make_whole(&home, &links, layers.first())?;
        }
        self.used.insert(*image, clock::now_ns());
        self.layer_users.add(&layers);
        self.containers.insert(container.to_owned(), layers);
        let lowers = links.iter().map(|link| self.paths.links().join(link)).collect();
        Ok(Rootfs { lowers, upper, work: home.join(WORK) })
    }

    /// Works beneath a temporary name: what has the right name is whole.
    fn make_whole(&mut self, home: &Path, links: &[&str], top: Option<&Digest>) -> Result<()> {
        let draft = self.temporary_name("container");
        let top = top.map(|layer| self.paths.layer(layer).join(DIFF));
        fault::point("image: make writable layer");
        let made = make(&draft, links, top.as_deref()).and_then(|()| {
            fault::point("image: move writable layer into place");
            fs::rename(&draft, home).map_err(Error::io("move into place", home))
        });
        if made.is_err() {
            self.throw_away(vec![draft]);
        }
        made
    }

    /// Takes the writable layer of a container out of the store, and the layers that only it used.
    ///
    /// What is left to delete is handed back, so that neither the keeper nor the request waits for a busy disk.
    pub(crate) fn release(&mut self, container: &str) -> Result<Trash> {
        let home = self.paths.container(container)?;
        let place = self.temporary_name(TRASH);
        fault::point("image: take writable layer away");
        match fs::rename(&home, &place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { action: "remove", path: home, source }),
        }
        if let Some(layers) = self.containers.remove(container) {
            self.give_up(&layers, &[])?;
        }
        Ok(Trash(place))
    }

    /// Releases every container that is not among `live`.
    pub(crate) fn retain(&mut self, live: &HashSet<String>) -> Result<Vec<Trash>> {
        let mut trash = Vec::new();
        let homes = self.paths.containers();
        for entry in fs::read_dir(&homes).map_err(Error::io("read", &homes))? {
            let name = entry.map_err(Error::io("read", &homes))?.file_name();
            match name.to_str() {
                Some(id) if live.contains(owner(id)) => {}
                Some(id) if self.paths.container(id).is_ok() => trash.push(self.release(id)?),
                _ => self.throw_away(vec![homes.join(&name)]),
            }
        }
        Ok(trash)
    }
}

/// The container that layers are kept for: it may have further ones, under its id, a dot and something else.
pub(crate) fn owner(id: &str) -> &str {
    id.split_once('.').map_or(id, |(owner, _)| owner)
}

/// Writable layers that are out of the store and wait to be deleted; the next start sweeps what is forgotten.
#[derive(Debug)]
#[must_use]
pub(crate) struct Trash(PathBuf);

impl Trash {
    /// Deletes. Blocks for a moment; what takes longer goes on at low priority.
    pub(crate) fn delete(self) {
        let Trash(place) = self;
        if is_small(&place) {
            // A thread of its own would cost more than the deleting.
            return forget(trash::remove(&place), &place);
        }
        if let Err(error) = background::spawn("image-trash", background::UPKEEP, move || {
            forget(trash::remove(&place), &place)
        }) {
            tracing::warn!(%error, "a writable layer stays until the next start");
        }
    }
}

/// The paths of a container that was prepared.
pub(crate) fn rootfs(paths: &Paths, container: &str) -> Result<Rootfs> {
    let home = paths.container(container)?;
    let list = match fs::read_to_string(home.join(LOWER)) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NoSuchLayer(container.to_owned()));
        }
        Err(source) => return Err(Error::Io { action: "read", path: home.join(LOWER), source }),
    };
    let lowers = list.lines().map(|link| paths.links().join(link)).collect();
    Ok(Rootfs { lowers, upper: home.join(DIFF), work: home.join(WORK) })
}

/// The root of a container has the owner and mode that the image's topmost layer gives it.
fn make(home: &Path, links: &[&str], top: Option<&Path>) -> Result<()> {
    let mut private = fs::DirBuilder::new();
    private.mode(0o700);
    private.create(home).map_err(Error::io("create", home))?;
    let (upper, work) = (home.join(DIFF), home.join(WORK));
    private.create(&upper).map_err(Error::io("create", &upper))?;
    private.create(&work).map_err(Error::io("create", &work))?;
    let (uid, gid, mode) = match top {
        Some(top) => {
            let like = fs::symlink_metadata(top).map_err(Error::io("read", top))?;
            (like.uid(), like.gid(), like.mode() & 0o7777)
        }
        None => (0, 0, 0o755),
    };
    chown(&upper, Some(uid), Some(gid)).map_err(Error::io("change the owner of", &upper))?;
    fs::set_permissions(&upper, fs::Permissions::from_mode(mode))
        .map_err(Error::io("change the mode of", &upper))?;
    write_list(home, links)
}

fn write_list(home: &Path, links: &[&str]) -> Result<()> {
    let list: String = links.iter().flat_map(|link| [link, "\n"]).collect();
    fs::write(home.join(LOWER), list).map_err(Error::io("write", home))
}

/// Topmost first. A layer that occurs twice stays at its topmost place, where it hides the lower one altogether;
/// overlayfs refuses to stack a directory twice.
fn stack(layers: &[Digest]) -> Vec<Digest> {
    let mut seen = HashSet::new();
    layers.iter().rev().filter(|layer| seen.insert(**layer)).copied().collect()
}

/// True if the upper directory has only few entries at its top, as that of a short-lived container has.
fn is_small(home: &Path) -> bool {
    const FEW: usize = 16;
    let plain =
        |entry: io::Result<fs::DirEntry>| entry.and_then(|e| e.file_type()).is_ok_and(|kind| !kind.is_dir());
    match fs::read_dir(home.join(DIFF)) {
        Ok(mut entries) => entries.by_ref().take(FEW).all(plain) && entries.next().is_none(),
        Err(_) => true,
    }
}
