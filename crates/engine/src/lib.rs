//! The engine: containers on this machine.
//!
//! Purpose: the life of containers (create, start, stop, restart, remove, logs, attach, events) and their recovery after
//! the daemon went away. Inputs: a [`spec::ContainerSpec`], images, networks. Outputs: processes kept by their shims,
//! [`Record`] snapshots, [`Events`].
//!
//! - [`spec`]: what a user asks for · [`merge`]: filled up from the image · [`validate`]: judged
//! - [`Containers`]: the handle; one task per container owns its [`Record`] and decides what happens to it
//! - [`oci`]: the spec as an OCI `config.json` · [`file`]: hosts, hostname, resolv.conf
//! - [`store`]: records on disk · [`recover`]: what `open` finds and settles · [`restart`]: when to start again
//! - [`log`]: reads what the shims write · [`event`]: who is told · [`filter`]: what `ps` shows
//!
//! May not touch: mounts, namespaces and cgroups other than through a shim (`runtime` does those) and, when a shim has
//! died, the container's cgroup; links and rules (`network` does those). It has never heard of services, tasks or raft.

#![forbid(unsafe_code)]

mod config;
mod container;
mod error;
pub mod event;
pub mod log;
mod name;
mod record;
pub mod spec;

pub use config::EngineConfig;
pub use container::{
    AttachInput, AttachOptions, AttachOutput, Attachment, Containers, Created, LogOptions, Paths,
    RemoveOptions, StopOptions, StopTimeout, WaitCondition, WaitResult,
};
pub use error::{Error, ErrorKind, Result};
pub use event::Events;
pub use record::{ExitStatus, MountPoint, Record, SHORT_ID, State, Status};

use image::Images;
use network::{Network, NetworkConfig};

/// The handles of one engine, each cheap to clone. A room is given those it uses, never all.
#[derive(Clone)]
pub struct Engine {
    /// Containers.
    pub containers: Containers,
    /// What happens.
    pub events: Events,
    /// Images.
    pub images: Images,
    /// Networks.
    pub network: Network,
}

/// Opens the engine and recovers: containers that live are adopted, ends that nobody saw are recorded, debris is
/// removed, networks are reconciled, and those whose restart policy says so are started (after this returns).
///
/// # Errors
/// If a root directory or the metadata store cannot be used, or the network cannot be made.
pub async fn open(_config: EngineConfig, _images: Images, _network: NetworkConfig) -> Result<Engine> {
    Err(Error::NotImplemented("the engine"))
}
