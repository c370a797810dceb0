//! A network, as it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A network, in lists and by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Network {
    /// Name.
    pub name: String,
    /// 64 hexadecimal digits.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// `local` or `swarm`.
    pub scope: String,
    /// `bridge`, `host`, `null`, `macvlan`, `ipvlan`.
    pub driver: String,
    /// Since 1.47.
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// Has IPv6 addresses.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Where addresses come from.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// Nothing goes out.
    pub internal: bool,
    /// Containers can be attached by hand.
    pub attachable: bool,
    /// The swarm's routing mesh.
    pub ingress: bool,
    /// Where its configuration comes from.
    pub config_from: ConfigReference,
    /// Only a template.
    pub config_only: bool,
    /// By container id; only when asked for one network. Lists have it empty until 1.52, and not at all since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<BTreeMap<String, EndpointResource>>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Addresses in use; only when asked for one network, since 1.52.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<NetworkStatus>,
}

/// What is observed of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkStatus {
    /// Its addresses.
    #[serde(rename = "IPAM")]
    pub ipam: IpamStatus,
}

/// The addresses of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IpamStatus {
    /// By subnet.
    pub subnets: BTreeMap<String, SubnetStatus>,
}

/// The addresses of one subnet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubnetStatus {
    /// Those that cannot be given.
    #[serde(rename = "IPsInUse")]
    pub ips_in_use: u64,
    /// Those that can, of the range.
    #[serde(rename = "DynamicIPsAvailable")]
    pub dynamic_ips_available: u64,
}

/// Where a network's addresses come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ipam {
    /// `default`.
    pub driver: String,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
    /// Subnets.
    pub config: Vec<IpamConfig>,
}

/// One subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IpamConfig {
    /// With its mask's length.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subnet: String,
    /// Only these are given out.
    #[serde(rename = "IPRange", skip_serializing_if = "String::is_empty")]
    pub ip_range: String,
    /// The way out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Addresses that others have, by any names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// The name of another network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigReference {
    /// Its name.
    pub network: String,
}

/// A container on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointResource {
    /// Name of the container.
    #[serde(rename = "Name")]
    pub name: String,
    /// Id of its place.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Link address.
    #[serde(rename = "MacAddress")]
    pub mac_address: String,
    /// With its mask's length.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// With its mask's length.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}
