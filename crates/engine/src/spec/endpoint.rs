//! What is wanted of a container's place on one network.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is wanted of the container's attachment to one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    /// The network's id, once it was found. Its name is the key in [`super::ContainerSpec::networks`].
    pub network_id: String,
    /// The IPv4 address asked for; empty means any.
    pub ipv4_address: String,
    /// The IPv6 address asked for; empty means any.
    pub ipv6_address: String,
    /// The hardware address asked for; empty means any.
    pub mac_address: String,
    /// Further names on the network.
    pub aliases: Vec<String>,
    /// `container[:alias]`: names that only this container has for others on the network.
    pub links: Vec<String>,
    /// Options of the network's driver for this place.
    pub driver_opts: BTreeMap<String, String>,
    /// Of several networks the one with the highest is the way out.
    pub gw_priority: i64,
}
