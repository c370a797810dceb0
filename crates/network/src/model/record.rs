//! A network as it was settled. The engine stores it and hands it back at start.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::Cidr;
use serde::{Deserialize, Serialize};

use super::Driver;

/// One network of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// 64 hexadecimal digits, or the id of the swarm's network that this is a part of.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub driver: Driver,
    /// When it was made, in nanoseconds since the epoch; 0 for the predefined ones.
    pub created_ns: i64,
    /// Whether containers get IPv4 addresses.
    pub enable_ipv4: bool,
    /// Whether containers get IPv6 addresses.
    pub enable_ipv6: bool,
    /// No way leads out.
    pub internal: bool,
    /// As asked.
    pub attachable: bool,
    /// `bridge`, `host` and `none`: always there, never stored, never removed.
    pub predefined: bool,
    /// Who gives addresses: `default`, or `null` where there are none.
    pub ipam_driver: String,
    /// As asked.
    pub ipam_options: BTreeMap<String, String>,
    /// Whether the user chose a subnet: only then may addresses be chosen.
    #[serde(default)]
    pub user_subnets: bool,
    /// The subnets, as settled, those of IPv4 first.
    pub subnets: Vec<Subnet>,
    /// The driver's options: as asked, and for the default bridge as they are.
    pub options: BTreeMap<String, String>,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
    /// The bridge's or the parent's interface; empty where there is none.
    pub interface: String,
    /// The largest packet, in bytes.
    pub mtu: u32,
}

/// One subnet of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The block, host bits cleared.
    pub subnet: Cidr,
    /// The part of it that addresses are given from, where it is narrower.
    pub ip_range: Option<Cidr>,
    /// The address that leads out: the bridge's own, or what the user says of a parent's network.
    pub gateway: Option<IpAddr>,
    /// Addresses that others have, by their names.
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

impl NetworkRecord {
    /// The first subnet of IPv4.
    pub fn subnet_v4(&self) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.subnet.is_ipv4())
    }

    /// The first subnet of IPv6.
    pub fn subnet_v6(&self) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.subnet.is_ipv6())
    }
}
