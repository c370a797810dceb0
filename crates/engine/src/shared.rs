//! What all container tasks of one engine have in common: settings, the other rooms' handles, paths.

use crate::config::EngineConfig;
use crate::container::{Index, Paths};
use crate::driver::Files;
use crate::error::Result;
use crate::event::{Actor, Event, EventKind, Events};
use crate::machine::Machine;
use crate::record::Record;
use crate::spec::NamespaceMode;
use crate::stats::Samplers;
use crate::store::Store;
use crate::volume::{Catalog, LOCAL};
use image::Images;
use network::Network;
use runtime::cgroup::{Layout, Version};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::Semaphore;

/// How many clients have files of containers copied at the same time; each takes a thread or two.
const MAX_COPIES: usize = 16;

/// The surroundings of every container.
pub(crate) struct Shared {
    pub(crate) config: EngineConfig,
    pub(crate) cgroups: Layout,
    pub(crate) machine: Machine,
    pub(crate) images: Images,
    pub(crate) network: Network,
    pub(crate) events: Events,
    pub(crate) store: Store,
    pub(crate) volumes: Arc<Catalog>,
    pub(crate) samplers: Samplers,
    /// Held by whoever prunes.
    pub(crate) pruning: tokio::sync::Mutex<()>,
    pub(crate) execs: crate::exec::Registry,
    /// Turns for work on containers' files.
    pub(crate) copies: Arc<Semaphore>,
    index: RwLock<Index>,
}

impl Shared {
    pub(crate) fn new(
        config: EngineConfig,
        cgroups: Layout,
        images: Images,
        network: Network,
        events: Events,
        store: Store,
        volumes: Catalog,
    ) -> Shared {
        Shared {
            machine: Machine::read(&cgroups),
            config,
            cgroups,
            images,
            network,
            events,
            store,
            volumes: Arc::new(volumes),
            copies: Arc::new(Semaphore::new(MAX_COPIES)),
            samplers: Samplers::default(),
            pruning: tokio::sync::Mutex::default(),
            execs: crate::exec::Registry::default(),
            index: RwLock::default(),
        }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A container's own files and its image's, once they were prepared.
    pub(crate) async fn files(&self, id: &str) -> Result<Files> {
        Ok(Files::of(self.config.storage_driver, self.images.rootfs(id).await?))
    }

    /// The lasting files of a container.
    pub(crate) fn paths(&self, id: &str) -> Paths {
        Paths::new(&containers_dir(&self.config), id)
    }

    /// The files of a container's present run.
    pub(crate) fn exec_dir(&self, id: &str) -> PathBuf {
        exec_dirs(&self.config).join(id)
    }

    /// Whether a container asked for so gets a cgroup namespace of its own; Docker's default differs by version.
    pub(crate) fn private_cgroupns(&self, asked: &NamespaceMode) -> bool {
        let own = |mode: &NamespaceMode| match mode {
            NamespaceMode::Private => Some(true),
            NamespaceMode::Host => Some(false),
            _ => None,
        };
        own(asked)
            .or_else(|| own(&self.config.default_cgroupns_mode))
            .unwrap_or(self.cgroups.version() == Version::V2)
    }

    /// Tells that something happened to a container.
    pub(crate) fn publish(&self, record: &Record, action: &str, details: &[(&str, &str)]) {
        let mut attributes = record.spec.config.labels.clone();
        attributes.insert("image".into(), record.spec.image.clone());
        attributes.insert("name".into(), record.name.clone());
        attributes.extend(details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        self.publish_as(EventKind::Container, &record.id, action, attributes);
    }

    /// Tells that a container came to or left a network.
    pub(crate) fn publish_network(
        &self,
        record: &Record,
        network_id: &str,
        network_name: &str,
        driver: network::Driver,
        action: &str,
    ) {
        let attributes =
            [("container", record.id.as_str()), ("name", network_name), ("type", driver.as_str())];
        let attributes =
            attributes.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.publish_as(EventKind::Network, network_id, action, attributes);
    }

    /// Tells that something happened to a volume.
    pub(crate) fn publish_volume(&self, name: &str, action: &str) {
        let attributes = BTreeMap::from([("driver".to_owned(), LOCAL.to_owned())]);
        self.publish_as(EventKind::Volume, name, action, attributes);
    }

    pub(crate) fn publish_as(
        &self,
        kind: EventKind,
        id: &str,
        action: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let actor = Actor { id: id.to_owned(), attributes };
        self.events.publish(Event { kind, action: action.to_owned(), actor, time_ns: now_ns() });
    }
}

/// Containers' lasting directories, in the data root.
pub(crate) const CONTAINERS_DIR: &str = "containers";

/// Where the lasting directories of containers lie.
pub(crate) fn containers_dir(config: &EngineConfig) -> PathBuf {
    config.data_root.join(CONTAINERS_DIR)
}

/// Where the directories of shims lie.
pub(crate) fn exec_dirs(config: &EngineConfig) -> PathBuf {
    config.exec_root.join("containers")
}

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> i64 {
    i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX)
}
