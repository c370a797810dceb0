//! Published ports: as wished, as given, and as balanced by a swarm.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// The transports a port can be published for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        })
    }
}

/// Which port of the host is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPort {
    /// Any free one (`-p 80`, `-P`).
    Ephemeral,
    /// The first free one of `first..=last`; one number for both is a fixed port.
    Range {
        /// The lowest that may be taken.
        first: u16,
        /// The highest that may be taken.
        last: u16,
    },
}

/// A wish: `-p host_ip:host_port:container_port/protocol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortBinding {
    /// The port inside the container.
    pub container_port: u16,
    /// Its transport.
    pub protocol: Protocol,
    /// The host's address to publish on; `None` is every address, of both families.
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    pub host_port: HostPort,
}

/// A port as it was given. A wish without an address yields one for `0.0.0.0` and one for `::`, as Docker lists them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BoundPort {
    /// The port inside the container.
    pub container_port: u16,
    /// Its transport.
    pub protocol: Protocol,
    /// The host's address it is reachable on, or an unspecified one for all of its family.
    pub host_ip: IpAddr,
    /// The host's port; 0 where the network is routed: then nothing of the host leads there, and the container's own
    /// port is open to whoever has a route.
    pub host_port: u16,
}

/// A port of the whole machine with any number of backends, each new flow going to one of them at random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressPort {
    /// Its transport.
    pub protocol: Protocol,
    /// The host's port, on every address.
    pub published_port: u16,
    /// Addresses and ports of containers. Empty: the port stays held and refuses.
    pub backends: Vec<(Ipv4Addr, u16)>,
}
