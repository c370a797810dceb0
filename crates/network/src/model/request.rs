//! What somebody asks of a new network.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A wish for a network, in the API's words: nothing is checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Its id, where somebody else has chosen it: at least twelve letters and digits. Absent: a new one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its driver; empty for the bridge.
    pub driver: String,
    /// Whether containers get IPv4 addresses; they do unless this says no.
    pub enable_ipv4: Option<bool>,
    /// Whether containers get IPv6 addresses; they do not unless this says yes.
    pub enable_ipv6: Option<bool>,
    /// No way leads out.
    pub internal: bool,
    /// Containers outside of services may attach themselves to it (only a swarm's networks care).
    pub attachable: bool,
    /// Who gives addresses; empty for us.
    pub ipam_driver: String,
    /// What the user told the giver of addresses.
    pub ipam_options: BTreeMap<String, String>,
    /// Subnets of the user's choice.
    pub subnets: Vec<SubnetRequest>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
}

/// A wish for one subnet. Empty texts are left to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetRequest {
    /// `a.b.c.d/len`, or the same of IPv6.
    pub subnet: String,
    /// The part of it that addresses are given from.
    pub ip_range: String,
    /// The host's address in it.
    pub gateway: String,
    /// Addresses that others have, by their names.
    pub aux_addresses: BTreeMap<String, IpAddr>,
}
