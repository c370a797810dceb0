//! The engine: containers on this machine.
//!
//! Purpose: the life of containers (create, start, stop, restart, remove, logs, attach, events) and their recovery after
//! the daemon went away. Inputs: a [`spec::ContainerSpec`], images, networks. Outputs: processes kept by their shims,
//! [`Record`] snapshots, [`Events`].
//!
//! - [`spec`]: what a user asks for · [`merge`]: filled up from the image · [`validate`]: judged
//! - [`Containers`]: the handle; one task per container owns its [`Record`] and decides what happens to it
//! - [`Execs`]: additional processes in running containers
//! - [`oci`]: the spec as an OCI `config.json` · [`file`]: hosts, hostname, resolv.conf
//! - [`archive`]: files in and out of containers · [`layer`]: what they changed, images of it
//! - [`volume`]: what outlives containers · [`tree`]: files that somebody else may be changing
//! - [`network`]: networks, and who is on them
//! - [`store`]: records on disk · [`recover`]: what `open` finds and settles · [`restart`]: when to start again
//! - [`stats`]: what containers use · [`top`]: their processes
//! - [`log`]: reads what the shims write · [`event`]: who is told · [`filter`]: what `ps` shows
//!
//! May not touch: mounts, namespaces and cgroups other than through a shim (`runtime` does those) and, when a shim has
//! died, the container's cgroup; links and rules (`network` does those). It has never heard of services, tasks or raft.

#![forbid(unsafe_code)]

mod archive;
mod boot;
mod cdi;
mod cgroup;
mod config;
mod container;
mod default;
mod driver;
mod error;
pub mod event;
mod exec;
mod file;
pub mod filter;
mod health;
mod layer;
mod link;
pub mod log;
mod machine;
mod merge;
mod name;
pub mod network;
mod oci;
mod path;
mod plan;
mod record;
mod recover;
mod restart;
mod shared;
mod signal;
pub mod spec;
pub mod stats;
mod store;
mod top;
mod tree;
mod userns;
pub mod volume;

pub use archive::{ArchiveStream, ExtractOptions, PathStat};
pub use cdi::names as cdi_names;
pub use cgroup::CgroupDriver;
pub use config::EngineConfig;
pub use container::{
    AttachInput, AttachOptions, AttachOutput, Attachment, CheckpointName, Containers, Created, LogOptions,
    Paths, Pruned, RemoveOptions, StopOptions, StopTimeout, WaitCondition, WaitResult,
};
pub use driver::StorageDriver;
pub use error::{Error, ErrorKind, Result};
pub use event::Events;
pub use exec::{ExecConfig, ExecOutput, ExecRecord, ExecStart, Execs, Session};
pub use health::word as health_word;
pub use layer::{Change, ChangeKind, CommitOptions, Sizes};
pub use name::random_name;
pub use plan::{LOG_DRIVERS, check_log};
pub use record::{ExitStatus, MountPoint, Record, SHORT_ID, State, Status};
pub use runtime::MemoryFile;
pub use shim::{ForeignRuntime, HealthReport, HealthStatus, ProbeResult};
pub use top::Top;
pub use userns::{IdMaps, IdRange};

use ::network::{Network, NetworkConfig};
use container::Adopted;
use image::Images;
use network::Networks;
use recover::Recovered;
use shared::Shared;
use std::collections::HashSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use store::Store;
use volume::{Catalog, Volumes};

/// The records of all containers, in the data root.
const STORE_FILE: &str = "engine.redb";
/// Nobody but root sees what containers write (CVE-2024-25621).
const DIR_MODE: u32 = 0o700;
/// Volumes, in the data root.
const VOLUMES_DIR: &str = "volumes";

/// The handles of one engine, each cheap to clone. A room is given those it uses, never all.
#[derive(Clone)]
pub struct Engine {
    /// Containers.
    pub containers: Containers,
    /// Additional processes in them.
    pub execs: Execs,
    /// What happens.
    pub events: Events,
    /// Images.
    pub images: Images,
    /// Networks.
    pub networks: Networks,
    /// The kernel's side of them, for the balanced ports of a swarm.
    pub network: Network,
    /// Volumes.
    pub volumes: Volumes,
}

/// Opens the engine and recovers: containers that live are adopted, ends that nobody saw are recorded, debris is
/// removed, networks are reconciled, and those whose restart policy says so are started (after this returns).
///
/// # Errors
/// If a root directory or the metadata store cannot be used, or the network cannot be made.
pub async fn open(config: EngineConfig, images: Images, network: NetworkConfig) -> Result<Engine> {
    for dir in [shared::containers_dir(&config), shared::exec_dirs(&config)] {
        fault::point("open: make directory");
        let made = DirBuilder::new().recursive(true).mode(DIR_MODE).create(&dir);
        made.map_err(Error::io("make", dir))?;
    }
    let cgroups = runtime::cgroup::detect().map_err(|error| Error::Machine(error.to_string()))?;
    let (store, stored) = Store::open(&config.data_root.join(STORE_FILE))?;
    let (recovered, gone) = recover::settle(&config, &cgroups, stored.containers).await;
    for id in &gone {
        drop(store.remove_soon(id)?);
    }
    for found in recovered.iter().filter(|found| found.changed) {
        store.put(&found.record).await?;
    }
    recover::forget_runs(&config, &recovered);
    let ids: HashSet<String> = recovered.iter().map(|found| found.record.id.clone()).collect();
    images.retain(&ids).await;
    for id in ids.iter().filter(|_| config.storage_driver.has_trees()) {
        if let Ok(rootfs) = images.rootfs(id).await {
            driver::Files::of(config.storage_driver, rootfs).sweep();
        }
    }
    let live = recovered.iter().filter_map(|found| network::live(&config, &found.record)).collect();
    let network = Network::open(network, stored.networks, live).await?;

    let volumes = open_volumes(&config, &recovered)?;
    let events = Events::default();
    let (images_of, network_of) = (images.clone(), network.clone());
    let shared = Shared::new(config, cgroups, images_of, network_of, events.clone(), store, volumes);
    let shared = Arc::new(shared);
    let live = recovered.iter().filter(|found| matches!(found.adopted, Adopted::Live(_)));
    futures_util::future::join_all(live.map(|found| exec::adopt(&shared, &found.record))).await;
    for Recovered { record, adopted, .. } in recovered {
        if let Err(error) = shared.index_mut().reserve(&record.name, &record.id) {
            tracing::error!(container = record.short_id(), %error, "container is known by its id alone");
        }
        container::spawn(&shared, record, adopted);
    }
    let volumes = Volumes::new(shared.clone());
    let networks = Networks::new(shared.clone());
    Ok(Engine {
        networks,
        execs: Execs::new(shared.clone()),
        containers: Containers::new(shared),
        events,
        images,
        network,
        volumes,
    })
}

/// The ids of the containers of a data root that no daemon uses, for `shoald --fsck`.
///
/// # Errors
/// If the metadata cannot be read.
pub fn known_containers(data_root: &std::path::Path) -> Result<HashSet<String>> {
    let mut known = store::known(&data_root.join(STORE_FILE))?;
    // Of one that was made a moment before the daemon died only the directory tells.
    let homes = std::fs::read_dir(data_root.join(shared::CONTAINERS_DIR)).into_iter().flatten().flatten();
    known.extend(homes.filter_map(|home| home.file_name().into_string().ok()));
    Ok(known)
}

/// The volumes, without those of containers whose creation or removal was cut short.
fn open_volumes(config: &EngineConfig, recovered: &[Recovered]) -> Result<Catalog> {
    let containers = recovered.iter().map(|found| found.record.id.clone()).collect();
    let mounts = recovered.iter().flat_map(|found| &found.record.mounts);
    let used = mounts.filter(|mount| mount.kind == "volume").map(|mount| mount.name.clone()).collect();
    Catalog::open(config.data_root.join(VOLUMES_DIR), &containers, &used)
}

impl Engine {
    /// The last request of a daemon that ends in order: what it made for its containers as a whole (bridge, rules, the
    /// cgroup above theirs) goes, unless a container still uses it. A daemon that dies without it leaves them to its
    /// successor.
    ///
    /// # Errors
    /// The first failure; everything is tried.
    pub async fn retire(&self) -> Result<()> {
        let cgroups = self.containers.retire_cgroups().await;
        self.network.retire().await?;
        cgroups
    }
}
