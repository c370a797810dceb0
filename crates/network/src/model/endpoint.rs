//! A container's attachment to a network, wished and given.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{BoundPort, Driver, Mac, PortBinding};

/// What a container wants from one network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachRequest {
    /// The container's id; it may have one endpoint at a time on each network.
    pub container_id: String,
    /// The container's name, for messages.
    pub container_name: String,
    /// Name or id of the network.
    pub network: String,
    /// The ports the container publishes. They are the container's, not the endpoint's: each request of a container
    /// has them all, and they are bound on the one endpoint that is its way out.
    pub ports: Vec<PortBinding>,
    /// A hardware address of the user's choice.
    pub mac: Option<Mac>,
    /// An address of the user's choice.
    pub ipv4: Option<Ipv4Addr>,
    /// The same in IPv6.
    pub ipv6: Option<Ipv6Addr>,
    /// Further names of the container in this network.
    pub aliases: Vec<String>,
    /// All names under which the embedded DNS finds it: name, aliases, short id, host name.
    pub dns_names: Vec<String>,
    /// Names that only this container knows, each with the id of the container it means (`--link`).
    pub links: BTreeMap<String, String>,
    /// The driver's options for this endpoint (`com.docker.network.endpoint.…`).
    pub driver_opts: BTreeMap<String, String>,
    /// Of several networks the one with the highest is the container's way out.
    pub gw_priority: i64,
}

/// An address on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place<A> {
    /// The address.
    pub address: A,
    /// The length of the network's prefix, in bits.
    pub prefix_len: u8,
    /// Where a way out leads, if there is one.
    pub gateway: Option<A>,
}

/// What a container got. The engine stores it and hands it back after a restart: with it the kernel's state can be
/// recognised, or made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Id of the network, 64 hexadecimal digits.
    pub network_id: String,
    /// Name of the network.
    pub network_name: String,
    /// What the network is made of.
    pub driver: Driver,
    /// Id of this attachment, 64 hexadecimal digits.
    pub endpoint_id: String,
    /// The container's id.
    pub container_id: String,
    /// The place in the network's IPv4 subnet.
    pub ipv4: Option<Place<Ipv4Addr>>,
    /// The place in the network's IPv6 subnet.
    pub ipv6: Option<Place<Ipv6Addr>>,
    /// The hardware address of the container's interface.
    pub mac: Mac,
    /// The host's end of the pair of interfaces; empty where there is none.
    pub host_interface: String,
    /// The interface inside the container.
    pub interface: String,
    /// The published ports that lead to this endpoint.
    pub ports: Vec<BoundPort>,
    /// Further names of the container in this network.
    pub aliases: Vec<String>,
    /// All names under which the embedded DNS finds it.
    pub dns_names: Vec<String>,
    /// Names that only this container knows.
    pub links: BTreeMap<String, String>,
    /// The driver's options for this endpoint.
    pub driver_opts: BTreeMap<String, String>,
    /// Of several networks the one with the highest is the container's way out.
    pub gw_priority: i64,
}

impl Endpoint {
    /// The IPv4 address, if there is one.
    pub fn address_v4(&self) -> Option<Ipv4Addr> {
        self.ipv4.map(|place| place.address)
    }

    /// The IPv6 address, if there is one.
    pub fn address_v6(&self) -> Option<Ipv6Addr> {
        self.ipv6.map(|place| place.address)
    }

    /// All addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.address_v4().map(IpAddr::from).into_iter().chain(self.address_v6().map(IpAddr::from))
    }
}
