//! What a user asks of a container, in the engine's own words: Docker's fields, typed, snake case.
//!
//! `rest` and the swarm's executor build a [`ContainerSpec`]; [`validate`] judges it; it is stored as it is, and never
//! edited after [`crate::merge`] has filled it from the image, but for its networks. Pure: reads no clock and touches no file.

mod config;
mod device;
mod endpoint;
mod host;
pub mod invalid;
mod log;
mod mode;
mod mount;
mod port;
mod restart;
mod shoal;
mod text;
mod update;

pub use config::Config;
pub use device::{Device, DeviceRate, DeviceRequest, DeviceWeight};
pub use endpoint::EndpointSpec;
pub use host::{HostConfig, LogConfig, Resources, Ulimit};
pub use image::Healthcheck;
pub use invalid::Invalid;
pub use log::LogInvalid;
pub use mode::{NamespaceMode, NetworkMode};
pub use mount::{Mount, MountKind, Propagation, VolumeMount};
pub use port::{HostPort, Port, Protocol};
pub use restart::{RestartCondition, RestartPolicy};
pub use shoal::{HealthProbe, Shoal};
pub use update::Update;
pub(crate) use update::update;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a container is created from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// The name without the leading slash; `None` means one is made up.
    pub name: Option<String>,
    /// The image as the user named it.
    pub image: String,
    /// What runs.
    pub config: Config,
    /// What it gets from the machine.
    pub host: HostConfig,
    /// The networks it is on, or will be when it starts: name → what is wanted there. Empty until it is created: that of the
    /// mode. The one part of a spec that requests about a container change.
    pub networks: BTreeMap<String, EndpointSpec>,
}
