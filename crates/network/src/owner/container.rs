//! One container as the owner has it, and which of its networks is its way out. Pure.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::IpAddr;
use std::sync::Arc;

use super::net::Nets;
use crate::link::{Way, Ways};
use crate::settle::GatewayMode;
use crate::{Endpoint, PortBinding};

/// A container that has endpoints.
#[derive(Default)]
pub(super) struct Container {
    /// For messages.
    pub(super) name: String,
    /// In the order they came.
    pub(super) endpoints: Vec<Endpoint>,
    /// The ports it wants to publish.
    pub(super) wishes: Vec<PortBinding>,
    /// Its network namespace, from when it is wired until it is detached: what is torn down by hand can be made again
    /// in it. It does not keep the processes, only the namespace.
    pub(super) namespace: Option<Arc<File>>,
    /// The ids of the networks whose interface it has.
    pub(super) wired: BTreeSet<String>,
}

impl Container {
    /// The endpoint on this network.
    pub(super) fn on(&self, network_id: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.network_id == network_id)
    }

    /// The first name with this prefix that no interface has.
    pub(super) fn free_interface(&self, prefix: &str) -> String {
        let mut names = (0..=self.endpoints.len()).map(|number| format!("{prefix}{number}"));
        let is_free = |name: &String| !self.endpoints.iter().any(|endpoint| endpoint.interface == *name);
        // There is one more name than there are interfaces.
        names.find(is_free).unwrap_or_else(|| prefix.to_owned())
    }
}

/// The endpoint that leads out in this family: that of the highest priority, then one that leads out in both, then
/// the first by the network's name, as Docker has it.
pub(super) fn way_out<'e>(endpoints: &'e [Endpoint], nets: &Nets, ipv4: bool) -> Option<&'e Endpoint> {
    let leads_out = |endpoint: &Endpoint, ipv4: bool| {
        let net = nets.get(&endpoint.network_id);
        let open = net.is_some_and(super::net::Net::has_open_way);
        if ipv4 {
            endpoint.ipv4.is_some_and(|place| place.gateway.is_some() || open)
        } else {
            endpoint.ipv6.is_some_and(|place| place.gateway.is_some() || open)
        }
    };
    endpoints.iter().filter(|endpoint| leads_out(endpoint, ipv4)).min_by_key(|endpoint| {
        (Reverse(endpoint.gw_priority), !leads_out(endpoint, !ipv4), endpoint.network_name.as_str())
    })
}

/// A container's default routes.
pub(super) fn ways(endpoints: &[Endpoint], nets: &Nets) -> Ways {
    let way = |ipv4| {
        let endpoint = way_out(endpoints, nets, ipv4)?;
        let gateway = if ipv4 {
            endpoint.ipv4.and_then(|place| place.gateway).map(IpAddr::from)
        } else {
            endpoint.ipv6.and_then(|place| place.gateway).map(IpAddr::from)
        };
        // Where packets are routed by the driver itself a gateway would only be in the way.
        let open = nets.get(&endpoint.network_id).is_some_and(super::net::Net::has_open_way);
        Some(Way { interface: endpoint.interface.clone(), gateway: gateway.filter(|_| !open) })
    };
    Ways { v4: way(true), v6: way(false) }
}

/// Where a port of the host leads to: an endpoint, and whether it is the endpoint's own port that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    /// The endpoint's place in the container's list.
    pub(super) index: usize,
    /// The network is routed: nothing is translated.
    pub(super) routed: bool,
}

/// The endpoint that a port on this address of the host is published through: the way out in its family, or else the
/// one in the other, by the proxy.
pub(super) fn home(endpoints: &[Endpoint], nets: &Nets, host_ip: IpAddr) -> Option<Home> {
    let find = |ipv4| {
        let endpoint = way_out(endpoints, nets, ipv4)?;
        let mode = nets.get(&endpoint.network_id)?.mode(ipv4)?;
        let index = endpoints.iter().position(|other| other.network_id == endpoint.network_id)?;
        match mode {
            GatewayMode::Nat | GatewayMode::NatUnprotected => Some(Home { index, routed: false }),
            GatewayMode::Routed => Some(Home { index, routed: true }),
            GatewayMode::Isolated => None,
        }
    };
    // A routed network is not for proxies.
    let other = || find(!host_ip.is_ipv4()).filter(|home| !home.routed);
    find(host_ip.is_ipv4()).or_else(other)
}
