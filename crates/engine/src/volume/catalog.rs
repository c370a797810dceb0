//! Which volumes there are: a map that anybody reads without waiting, changed one request at a time.
//!
//! Who uses a volume is read off the containers' records, and never counted anywhere: see [`super::Volumes`]. A container
//! that is being created has no record yet; it holds its volumes here meanwhile.

use super::{Volume, disk, name, option};
use crate::error::{Error, Result};
use crate::shared::now_ns;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The only driver there is.
pub(crate) const LOCAL: &str = "local";

/// A volume that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Its name; `None` makes one up.
    pub name: Option<String>,
    /// Its driver; empty means `local`, which is the only one.
    pub driver: String,
    /// The driver's options: `type`, `o`, `device`.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// The volumes of one engine.
#[derive(Debug)]
pub(crate) struct Catalog {
    root: PathBuf,
    volumes: Mutex<BTreeMap<String, Arc<Volume>>>,
    holds: Mutex<HashMap<String, usize>>,
    /// Taken by whoever makes, removes or begins to hold volumes. Readers do not wait for it.
    pub(super) changes: tokio::sync::Mutex<()>,
    /// Taken by whoever starts with a volume in memory.
    pub(super) memory: Arc<tokio::sync::Mutex<()>>,
    /// Taken by whoever fills a volume.
    pub(super) fills: tokio::sync::Mutex<()>,
    serial: AtomicU64,
}

impl Catalog {
    /// Finds the volumes beneath `root`. Those made for a container that is not in `containers`, and not in `used`, go.
    pub(crate) fn open(
        root: PathBuf,
        containers: &HashSet<String>,
        used: &HashSet<String>,
    ) -> Result<Catalog> {
        disk::make_root(&root)?;
        let mut volumes = BTreeMap::new();
        for (serial, (volume, made_for)) in (0..).zip(disk::read_all(&root)?) {
            let is_debris =
                made_for.is_some_and(|id| !containers.contains(&id)) && !used.contains(&volume.name);
            if is_debris {
                tracing::info!(volume = volume.name, "removing the volume of a container that is gone");
                disk::take_away(&root, &volume.name, serial).and_then(|gone| disk::discard(&gone))?;
            } else {
                volumes.insert(volume.name.clone(), Arc::new(volume));
            }
        }
        Ok(Catalog {
            root,
            volumes: Mutex::new(volumes),
            holds: Mutex::default(),
            changes: tokio::sync::Mutex::default(),
            memory: Arc::default(),
            fills: tokio::sync::Mutex::default(),
            serial: AtomicU64::default(),
        })
    }

    fn volumes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Volume>>> {
        self.volumes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn insert(&self, volume: Arc<Volume>) {
        self.volumes().insert(volume.name.clone(), volume);
    }

    fn holds(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All volumes, by name.
    pub(crate) fn list(&self) -> Vec<Arc<Volume>> {
        self.volumes().values().cloned().collect()
    }

    /// The volume of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Volume>> {
        self.volumes().get(name).cloned()
    }

    /// Makes a volume, or finds that of the same name; true if it was made. It is held until the answer is dropped.
    pub(crate) async fn make(
        self: &Arc<Self>,
        wish: Wish,
        made_for: Option<&str>,
    ) -> Result<(Arc<Volume>, bool, Hold)> {
        if !matches!(wish.driver.as_str(), "" | LOCAL) {
            return Err(super::Error::NoDriver(wish.driver).into());
        }
        let name = wish.name.unwrap_or_else(|| name::random(&mut rand::rng()));
        if let Err(reason) = name::check_name(&name) {
            return Err(super::Error::Name { name, reason }.into());
        }
        let _changes = self.changes.lock().await;
        if let Some(found) = self.find(&name) {
            let hold = self.hold(&name);
            return Ok((found, false, hold));
        }
        option::place(&name, &wish.options)?;
        let volume = Arc::new(Volume {
            mountpoint: self.root.join(&name).join(disk::DATA),
            name: name.clone(),
            created_ns: now_ns(),
            labels: wish.labels,
            options: wish.options,
        });
        let (root, made, made_for) = (self.root.clone(), volume.clone(), made_for.map(str::to_owned));
        blocking(move || disk::make(&root, &made, made_for.as_deref())).await?;
        let hold = self.hold(&name);
        self.volumes().insert(name, volume.clone());
        Ok((volume, true, hold))
    }

    /// Removes a volume that nobody holds and `users` says nobody uses.
    pub(crate) async fn remove(
        &self,
        name: &str,
        users: impl FnOnce() -> Vec<String>,
    ) -> Result<Arc<Volume>> {
        let _changes = self.changes.lock().await;
        let volume = self.find(name).ok_or_else(|| super::Error::NotFound(name.to_owned()))?;
        // Asked in this order: who lets go of a hold has its record where `users` looks.
        let is_held = self.holds().contains_key(name);
        let users = users();
        if is_held || !users.is_empty() {
            return Err(super::Error::InUse { name: name.to_owned(), users }.into());
        }
        let (root, serial, gone_name) = (self.root.clone(), self.next_serial(), name.to_owned());
        let gone = blocking(move || disk::take_away(&root, &gone_name, serial)).await?;
        self.volumes().remove(name);
        // It may be large: nobody waits for that, and the next start sweeps what is left.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = disk::discard(&gone) {
                tracing::warn!(%error, "files of a removed volume stay until the next start of the daemon");
            }
        }));
        Ok(volume)
    }

    /// From now on these volumes live on without the container they were made for.
    pub(crate) async fn keep(&self, names: Vec<String>) -> Result<()> {
        let root = self.root.clone();
        blocking(move || names.iter().try_for_each(|name| disk::keep(&root, name))).await
    }

    /// Holds a volume that is there.
    pub(crate) async fn hold_existing(self: &Arc<Self>, name: &str) -> Result<Hold> {
        let _changes = self.changes.lock().await;
        match self.find(name) {
            Some(_) => Ok(self.hold(name)),
            None => Err(super::Error::NotFound(name.to_owned()).into()),
        }
    }

    fn hold(self: &Arc<Self>, name: &str) -> Hold {
        *self.holds().entry(name.to_owned()).or_default() += 1;
        Hold { catalog: self.clone(), name: name.to_owned() }
    }
}

/// Keeps a volume from being removed.
#[derive(Debug)]
pub(crate) struct Hold {
    catalog: Arc<Catalog>,
    name: String,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = self.catalog.holds();
        if let Some(count) = holds.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.name);
            }
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::ShuttingDown)?
}
