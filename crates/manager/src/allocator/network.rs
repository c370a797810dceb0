//! Which subnets a network has, and which address a task has on it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::Addresses;
use swarm_api::{naming, pb};
use thiserror::Error;

use crate::network::referenced;
use crate::store::View;
use crate::subnet;

/// Why a task cannot have its places now.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Lack {
    /// It is gone.
    #[error("network {0} not found")]
    Network(String),
    /// It has no addresses itself.
    #[error("network {name} has no addresses yet{reason}")]
    Subnet {
        /// The network's name.
        name: String,
        /// Why, after a colon; may be empty.
        reason: String,
    },
    /// All are held.
    #[error("no address is left on network {0}")]
    Address(String),
}

/// The addresses of networks, as the view's tasks hold them; of each network once somebody asks.
pub(super) struct Spaces<'a> {
    view: &'a View,
    /// By network: an allocator for each of its subnets.
    spaces: BTreeMap<String, Vec<Addresses>>,
}

impl<'a> Spaces<'a> {
    pub(super) fn of(view: &'a View) -> Self {
        Self { view, spaces: BTreeMap::new() }
    }

    /// The task's places on the networks it asks for; those that are the nodes' own have none.
    pub(super) fn places(&mut self, task: &pb::Task) -> Result<Vec<pb::NetworkAttachment>, Lack> {
        let asked = task.spec.as_ref().map_or(&[][..], |spec| &spec.networks);
        let mut places: Vec<pb::NetworkAttachment> = Vec::new();
        for config in asked.iter().filter(|config| !naming::is_network_of_nodes(&config.target)) {
            let network =
                referenced(self.view, &config.target).ok_or_else(|| Lack::Network(config.target.clone()))?;
            // Named twice, by its name and by its id.
            if let Some(place) = places.iter_mut().find(|place| is_on(place, network)) {
                place.aliases.extend(config.aliases.iter().cloned());
                continue;
            }
            places.push(pb::NetworkAttachment {
                network: Some(pb::Network { meta: None, ..(**network).clone() }),
                addresses: self.allocate(network)?,
                aliases: config.aliases.clone(),
            });
        }
        Ok(places)
    }

    /// One address of each subnet, with the length of its prefix.
    fn allocate(&mut self, network: &pb::Network) -> Result<Vec<String>, Lack> {
        let name = || crate::network::name(network).to_owned();
        if network.subnets.is_empty() {
            let reason = subnet::settle(self.view, network).err();
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            return Err(Lack::Subnet { name: name(), reason });
        }
        let view = self.view;
        let spaces = self.spaces.entry(network.id.clone()).or_insert_with(|| held(view, network));
        let allocated: Option<Vec<String>> = spaces
            .iter_mut()
            .map(|space| {
                let address = space.allocate().ok()?;
                Some(format!("{address}/{}", space.subnet().prefix_len()))
            })
            .collect();
        allocated.ok_or_else(|| Lack::Address(name()))
    }
}

/// The network's addresses, those taken that tasks have which may still run, and the gateways.
fn held(view: &View, network: &pb::Network) -> Vec<Addresses> {
    let spaces = network.subnets.iter().filter_map(|settled| {
        let (subnet, range) = subnet::settled(settled)?;
        let mut space = match range {
            Some(range) => Addresses::with_range(subnet, range).ok()?,
            None => Addresses::new(subnet),
        };
        // Taken already, or no address: there is nothing to take then.
        settled.gateway.parse().ok().map(|gateway| space.allocate_at(gateway));
        Some(space)
    });
    let mut spaces: Vec<Addresses> = spaces.collect();
    let holders = view.tasks_of_network(&network.id);
    let places = holders.flat_map(|task| &task.networks).filter(|place| is_on(place, network));
    for address in places.flat_map(|place| &place.addresses).filter_map(|address| address_of(address)) {
        // Those of the other family refuse it.
        spaces.iter_mut().for_each(|space| drop(space.allocate_at(address)));
    }
    spaces
}

fn is_on(place: &pb::NetworkAttachment, network: &pb::Network) -> bool {
    place.network.as_ref().is_some_and(|its| its.id == network.id)
}

/// Without the length of its prefix.
fn address_of(place: &str) -> Option<IpAddr> {
    place.split('/').next()?.parse().ok()
}
