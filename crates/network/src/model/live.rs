//! What the engine knows of a container that runs while the daemon starts, and whom its DNS asks.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Endpoint, PortBinding};

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Its id.
    pub container_id: String,
    /// Its name, for messages.
    pub container_name: String,
    /// A process in its network namespace.
    pub pid: u32,
    /// What it got when it started.
    pub endpoints: Vec<Endpoint>,
    /// The ports it wants to publish.
    pub ports: Vec<PortBinding>,
    /// Whom its DNS asks, if it has one.
    pub dns: Option<Resolver>,
}

/// Whom a container's embedded DNS asks for what it does not know itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolver {
    /// The servers, in order.
    pub servers: Vec<IpAddr>,
    /// The domains that single words are tried in.
    pub search: Vec<String>,
    /// The options of the resolv.conf they come from.
    pub options: Vec<String>,
    /// Whether they are asked from this machine's network namespace; if not, from the container's.
    pub from_host: bool,
}
