//! A container's place on a network: as it is asked for, and as it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Unread;
use crate::unread::Ignored;

/// The networks a new container is attached to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkingConfig {
    /// By name of the network.
    pub endpoints_config: BTreeMap<String, EndpointConfig>,
}

/// How a container wants to be attached to one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointConfig {
    /// Wanted addresses.
    #[serde(rename = "IPAMConfig", skip_serializing_if = "Option::is_none")]
    pub ipam_config: Option<EndpointIpamConfig>,
    /// `container:alias`: names that only this container has for others of the network.
    pub links: Vec<String>,
    /// Wanted link address.
    pub mac_address: String,
    /// More names on this network.
    pub aliases: Vec<String>,
    /// Options of the driver.
    pub driver_opts: BTreeMap<String, String>,
    /// The network with the highest one is the way out.
    pub gw_priority: i64,
    /// Only told.
    #[serde(skip_serializing, rename = "NetworkID")]
    pub network_id: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "EndpointID")]
    pub endpoint_id: Ignored,
    /// Only told.
    #[serde(skip_serializing)]
    pub gateway: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "IPAddress")]
    pub ip_address: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "IPPrefixLen")]
    pub ip_prefix_len: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "IPv6Gateway")]
    pub ipv6_gateway: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "GlobalIPv6Address")]
    pub global_ipv6_address: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: Ignored,
    /// Only told.
    #[serde(skip_serializing, rename = "DNSNames")]
    pub dns_names: Ignored,
}

/// Addresses that are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointIpamConfig {
    /// Empty: any.
    #[serde(rename = "IPv4Address", skip_serializing_if = "String::is_empty")]
    pub ipv4_address: String,
    /// Empty: any.
    #[serde(rename = "IPv6Address", skip_serializing_if = "String::is_empty")]
    pub ipv6_address: String,
    /// Further addresses, of the link alone; not honoured yet.
    #[serde(rename = "LinkLocalIPs", skip_serializing)]
    pub link_local_ips: Unread,
}

/// A container's place on one network, as it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSettings {
    /// Addresses that were asked for.
    #[serde(rename = "IPAMConfig")]
    pub ipam_config: Option<EndpointIpamConfig>,
    /// `container:alias`.
    #[serde(rename = "Links")]
    pub links: Option<Vec<String>>,
    /// Names on this network.
    #[serde(rename = "Aliases")]
    pub aliases: Option<Vec<String>>,
    /// Link address.
    #[serde(rename = "MacAddress")]
    pub mac_address: String,
    /// Options of the driver.
    #[serde(rename = "DriverOpts")]
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Which network's gateway wins.
    #[serde(rename = "GwPriority")]
    pub gw_priority: i64,
    /// Id of the network.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// Id of this place.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Gateway.
    #[serde(rename = "Gateway")]
    pub gateway: String,
    /// Address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Length of the network's mask.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: u8,
    /// IPv6 gateway.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// IPv6 address.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Length of the IPv6 network's mask.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: u8,
    /// Names under which it is found.
    #[serde(rename = "DNSNames")]
    pub dns_names: Option<Vec<String>>,
}

/// The networks of a container, as inspect tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSettings {
    /// Name of the bridge; gone since 1.52.
    #[serde(rename = "Bridge", skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// Id of the network namespace's owner.
    #[serde(rename = "SandboxID")]
    pub sandbox_id: String,
    /// Path of the network namespace.
    #[serde(rename = "SandboxKey")]
    pub sandbox_key: String,
    /// Published ports.
    #[serde(rename = "Ports")]
    pub ports: crate::container::PortMap,
    /// The first network's, from before there were several; gone since 1.52.
    #[serde(rename = "EndpointID", skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// The same.
    #[serde(rename = "Gateway", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The same.
    #[serde(rename = "IPAddress", skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The same.
    #[serde(rename = "IPPrefixLen", skip_serializing_if = "Option::is_none")]
    pub ip_prefix_len: Option<u8>,
    /// The same.
    #[serde(rename = "MacAddress", skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
    /// The same.
    #[serde(rename = "IPv6Gateway", skip_serializing_if = "Option::is_none")]
    pub ipv6_gateway: Option<String>,
    /// The same.
    #[serde(rename = "GlobalIPv6Address", skip_serializing_if = "Option::is_none")]
    pub global_ipv6_address: Option<String>,
    /// The same.
    #[serde(rename = "GlobalIPv6PrefixLen", skip_serializing_if = "Option::is_none")]
    pub global_ipv6_prefix_len: Option<u8>,
    /// By name of the network.
    #[serde(rename = "Networks")]
    pub networks: BTreeMap<String, EndpointSettings>,
}
