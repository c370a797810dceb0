//! A container's attachment to a network, wished and given.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{BoundPort, Mac, PortBinding};

/// What a container wants from a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachRequest {
    /// The container's id; it may have one endpoint at a time.
    pub container_id: String,
    /// The container's name, for messages.
    pub container_name: String,
    /// Name or id of the network. `bridge` is the one there is.
    pub network: String,
    /// Ports to publish.
    pub ports: Vec<PortBinding>,
    /// A hardware address of the user's choice.
    pub mac: Option<Mac>,
    /// An address of the user's choice.
    pub ip: Option<Ipv4Addr>,
    /// Further names of the container in this network.
    pub aliases: Vec<String>,
}

/// What a container got. The engine stores it and hands it back after a restart: with it the kernel's state can be
/// recognised, or made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Id of the network, 64 hexadecimal digits.
    pub network_id: String,
    /// Name of the network.
    pub network_name: String,
    /// Id of this attachment, 64 hexadecimal digits.
    pub endpoint_id: String,
    /// The container's id.
    pub container_id: String,
    /// The address inside the network.
    pub ip: Ipv4Addr,
    /// The length of the network's prefix, in bits.
    pub prefix_len: u8,
    /// Where the container's default route leads.
    pub gateway: Ipv4Addr,
    /// The hardware address of the container's interface.
    pub mac: Mac,
    /// The host's end of the veth pair.
    pub host_interface: String,
    /// The published ports.
    pub ports: Vec<BoundPort>,
    /// Further names of the container in this network.
    pub aliases: Vec<String>,
}
