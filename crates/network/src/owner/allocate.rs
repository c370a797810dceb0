//! Choosing places on networks.

use super::Owner;
use super::create::random_id;
use crate::settle::endpoint_interface;
use crate::{AttachRequest, Endpoint, Error, Mac, Result};

impl Owner {
    /// Chooses addresses on all networks and holds the ports. On failure nothing is kept.
    pub(super) fn allocate(&mut self, requests: Vec<AttachRequest>) -> Result<Vec<Endpoint>> {
        let Some(container_id) = requests.first().map(|request| request.container_id.clone()) else {
            return Ok(Vec::new());
        };
        let mut made: Vec<String> = Vec::new();
        let outcome = requests.into_iter().try_for_each(|request| {
            let network_id = self.allocate_one(request)?;
            made.push(network_id);
            Ok(())
        });
        // A running container gets its ports with the wiring, when its way out moves.
        let is_running = self.containers.get(&container_id).is_some_and(|it| it.namespace.is_some());
        let outcome = match outcome {
            Ok(()) if !is_running => self.hold_wishes(&container_id),
            other => other,
        };
        if let Err(error) = outcome {
            for network_id in made {
                self.forget_endpoint(&container_id, &network_id);
            }
            self.forget_idle(&container_id);
            return Err(error);
        }
        let container = self.containers.get(&container_id);
        let endpoint = |network_id: &String| container.and_then(|it| it.on(network_id)).cloned();
        Ok(made.iter().filter_map(endpoint).collect())
    }

    /// Answers the network's id.
    fn allocate_one(&mut self, request: AttachRequest) -> Result<String> {
        let record = self.find(&request.network)?;
        if !record.driver.has_addresses() {
            return Err(Error::Forbidden(format!(
                "container cannot be connected to network {}: it has no interfaces",
                record.name
            )));
        }
        let container = self.containers.entry(request.container_id.clone()).or_default();
        container.name.clone_from(&request.container_name);
        container.wishes.clone_from(&request.ports);
        if container.on(&record.id).is_some() {
            return Err(Error::AlreadyAttached { container: request.container_name, network: record.name });
        }
        // The record was found a moment ago, by the thread that has them all.
        let net = self.nets.get_mut(&record.id).ok_or_else(|| Error::NoSuchNetwork(record.name.clone()))?;
        let interface = match endpoint_interface(&request.driver_opts)? {
            Some(name) if container.endpoints.iter().any(|endpoint| endpoint.interface == name) => {
                return Err(Error::InvalidRequest(format!(
                    "interface name {name:?} is used twice in the container"
                )));
            }
            Some(name) => name.to_owned(),
            None => container.free_interface(net.interface_prefix()),
        };
        let endpoint_id = random_id()?;
        let (ipv4, ipv6) = net.place(&request)?;
        let of_address = || match (ipv4, ipv6) {
            (Some(place), _) => Mac::of_address(place.address),
            (None, Some(place)) => Mac::of_address_v6(place.address),
            (None, None) => Mac::of_id(&endpoint_id),
        };
        let host_interface = match record.driver {
            driver if driver.is_bridge() => format!("{}{}", self.config.veth_prefix(), &endpoint_id[..8]),
            _ => String::new(),
        };
        container.endpoints.push(Endpoint {
            network_id: record.id.clone(),
            network_name: record.name,
            driver: record.driver,
            container_id: request.container_id,
            ipv4,
            ipv6,
            mac: request.mac.unwrap_or_else(of_address),
            host_interface,
            endpoint_id,
            interface,
            ports: Vec::new(),
            aliases: request.aliases,
            dns_names: request.dns_names,
            links: request.links,
            driver_opts: request.driver_opts,
            gw_priority: request.gw_priority,
        });
        Ok(record.id)
    }
}
