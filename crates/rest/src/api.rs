//! What the routes work on: handles, not the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::Node;

/// The handles behind the routes. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Containers of this machine.
    pub containers: engine::Containers,
    /// Additional processes in them.
    pub execs: engine::Execs,
    /// Images of this machine.
    pub images: image::Images,
    /// What happens on this machine.
    pub events: engine::Events,
    /// Networks of this machine.
    pub networks: engine::network::Networks,
    /// Volumes of this machine.
    pub volumes: engine::volume::Volumes,
    /// This machine's place in a swarm.
    pub node: Arc<dyn Node>,
    /// What the daemon says of itself; the daemon replaces it when its configuration is read again.
    pub facts: watch::Receiver<Arc<Facts>>,
}

/// Drivers of networks, by name.
pub const NETWORK_DRIVERS: [&str; 6] = ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"];
/// Drivers of volumes.
pub const VOLUME_DRIVERS: [&str; 1] = ["local"];

/// What only the daemon knows of itself, for `version`, `info` and `_ping`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Id of the daemon; survives restarts.
    pub id: String,
    /// Host name.
    pub name: String,
    /// What the node offers to services besides processors and memory.
    pub generic_resources: Vec<swarm_api::pb::GenericResource>,
    /// Version of the daemon.
    pub version: String,
    /// The commit it was built from; may be empty.
    pub commit: String,
    /// The data root.
    pub data_root: String,
    /// `name=value` of the daemon.
    pub labels: Vec<String>,
    /// More is logged.
    pub debug: bool,
    /// `--experimental`.
    pub experimental: bool,
    /// `overlay2`, `btrfs` or `vfs`.
    pub storage_driver: String,
    /// The file system of the data root; may be empty.
    pub backing_filesystem: String,
    /// `json-file` or `none`.
    pub log_driver: String,
    /// Name of the default runtime.
    pub default_runtime: String,
    /// Name and path of each runtime.
    pub runtimes: BTreeMap<String, String>,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// CIDRs and names that are spoken to without TLS.
    pub insecure_registries: Vec<String>,
    /// Mirrors of the default registry.
    pub registry_mirrors: Vec<String>,
    /// Pools of new networks.
    pub address_pools: Vec<Pool>,
    /// What holds containers back: `name=seccomp,profile=builtin`.
    pub security_options: Vec<String>,
    /// Where specifications of devices are looked for.
    pub cdi_spec_dirs: Vec<String>,
    /// What a person should know, for `info`.
    pub warnings: Vec<String>,
    /// Oldest minor version of the API that is spoken: see [`engine_api::MIN_MINOR`].
    pub min_minor: u16,
}

/// A pool of subnets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// With its mask's length.
    pub base: String,
    /// Mask's length of one subnet.
    pub size: u8,
}
