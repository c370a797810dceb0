//! Wiring a container, on a thread of its own: all of its networks at its start, one more or one less while it runs.

use std::fs::File;
use std::sync::Arc;
use std::thread;

use ipam::Cidr;

use super::container::ways;
use super::net::{Kind, Net};
use super::{Event, Owner, Reply};
use crate::link::{Visit, Wire, Wiring, bridged_packets_see_rules, open_namespace, raise_loopback, visit};
use crate::resolver::Sockets;
use crate::{Endpoint, Error, Resolver, Result};

/// The threads that enter a container's namespace keep nothing large on their stacks.
pub(super) const STACK_SIZE: usize = 128 * 1024;

/// What a visit was for, and who waits for it.
pub(crate) enum Purpose {
    /// All networks of a container that starts.
    Attach(Option<Resolver>, Reply<()>),
    /// One more network; its id.
    Connect(String, Option<Resolver>, Reply<Vec<Endpoint>>),
    /// One less.
    Disconnect(Reply<Vec<Endpoint>>),
    /// What was torn down by hand: the ids of the networks.
    Repair(Vec<String>),
}

impl Owner {
    /// Starts the wiring of all endpoints a container has; [`Event::Visited`] follows.
    pub(super) fn attach(&mut self, container_id: &str, pid: u32, dns: Option<Resolver>, reply: Reply<()>) {
        match self.prepare_attach(container_id, pid) {
            Ok((plan, namespace)) => {
                self.visit(container_id.to_owned(), namespace, plan, Purpose::Attach(dns, reply));
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn prepare_attach(&mut self, container_id: &str, pid: u32) -> Result<(Visit, Arc<File>)> {
        let namespace = Arc::new(open_namespace(pid)?);
        let unknown = || Error::NotAttached { container: container_id.to_owned(), network: "any".to_owned() };
        let container = self.containers.get_mut(container_id).ok_or_else(unknown)?;
        let make = container
            .endpoints
            .iter()
            .map(|endpoint| wiring(&self.nets, endpoint))
            .collect::<Result<Vec<Wiring>>>()?;
        let plan = Visit { make, ways: Some(ways(&container.endpoints, &self.nets)), ..Visit::default() };
        container.namespace = Some(namespace.clone());
        Ok((plan, namespace))
    }

    /// Wires one more endpoint of a running container, and moves its way out if it leads there now.
    pub(super) fn connect(
        &mut self,
        endpoint: &Endpoint,
        pid: u32,
        dns: Option<Resolver>,
        reply: Reply<Vec<Endpoint>>,
    ) {
        let (container_id, network_id) = (endpoint.container_id.as_str(), endpoint.network_id.as_str());
        match self.prepare_connect(container_id, network_id, pid) {
            Ok((plan, namespace)) => {
                let dns = dns.filter(|_| !self.is_served(container_id));
                let purpose = Purpose::Connect(network_id.to_owned(), dns, reply);
                self.visit(container_id.to_owned(), namespace, plan, purpose);
            }
            Err(error) => {
                self.give_up(container_id, network_id);
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Takes back a connection that has failed.
    fn give_up(&mut self, container_id: &str, network_id: &str) {
        self.forget_endpoint(container_id, network_id);
        if let Err(error) = self.move_ports(container_id) {
            tracing::debug!(container = container_id, %error, "not every port leads where it did");
        }
    }

    fn prepare_connect(
        &mut self,
        container_id: &str,
        network_id: &str,
        pid: u32,
    ) -> Result<(Visit, Arc<File>)> {
        let absent =
            || Error::NotAttached { container: container_id.to_owned(), network: network_id.to_owned() };
        let container = self.containers.get_mut(container_id).ok_or_else(absent)?;
        let endpoint = container.on(network_id).ok_or_else(absent)?;
        let wiring = wiring(&self.nets, endpoint)?;
        let namespace = match &container.namespace {
            Some(namespace) => namespace.clone(),
            // A container that had no network until now.
            None => Arc::new(open_namespace(pid)?),
        };
        container.namespace = Some(namespace.clone());
        let ways = ways(&container.endpoints, &self.nets);
        self.move_ports(container_id)?;
        Ok((Visit { make: vec![wiring], ways: Some(ways), ..Visit::default() }, namespace))
    }

    /// Takes a running container off a network.
    pub(super) fn disconnect(&mut self, container_id: &str, network_id: &str, reply: Reply<Vec<Endpoint>>) {
        let found = self.containers.get(container_id).and_then(|container| container.on(network_id)).cloned();
        let Some(endpoint) = found else {
            return drop(reply.send(Err(Error::NotAttached {
                container: container_id.to_owned(),
                network: network_id.to_owned(),
            })));
        };
        self.forget_endpoint(container_id, network_id);
        if let Err(error) = self.move_ports(container_id) {
            return drop(reply.send(Err(error)));
        }
        let namespace = self.containers.get(container_id).and_then(|it| it.namespace.clone());
        let Some(namespace) = namespace else { return self.answer_endpoints(container_id, reply) };
        let mut plan = Visit::default();
        if endpoint.host_interface.is_empty() {
            plan.remove_inside.push(endpoint.interface);
        } else {
            plan.remove_outside.push(endpoint.host_interface);
        }
        let endpoints = self.containers.get(container_id).map_or(&[][..], |it| &it.endpoints);
        plan.ways = Some(ways(endpoints, &self.nets));
        self.visit(container_id.to_owned(), namespace, plan, Purpose::Disconnect(reply));
    }

    /// Has a thread do it, and tell when it is done.
    pub(super) fn visit(&self, container_id: String, namespace: Arc<File>, plan: Visit, purpose: Purpose) {
        let events = self.sender.clone();
        spawn_visitor(move || {
            let asks = matches!(purpose, Purpose::Attach(Some(_), _) | Purpose::Connect(_, Some(_), _));
            // This thread is in the container's namespace when it has wired it.
            let result = visit(&plan, &namespace)
                .and_then(|()| if asks { Sockets::open().map(Some) } else { Ok(None) });
            drop(namespace);
            let _ = events.send(Event::Visited(container_id, result, purpose));
        });
    }

    /// A visit is over.
    pub(super) fn visited(
        &mut self,
        container_id: String,
        result: Result<Option<Sockets>>,
        purpose: Purpose,
    ) {
        match purpose {
            Purpose::Attach(dns, reply) => match result {
                Ok(sockets) => {
                    self.note_wired(&container_id, None);
                    match self.introduce(&container_id, dns, sockets) {
                        Ok(()) => self.publish(&container_id, reply),
                        Err(error) => drop(reply.send(Err(error))),
                    }
                }
                Err(error) => {
                    // The caller detaches; until then nothing is there that could be repaired.
                    if let Some(container) = self.containers.get_mut(&container_id) {
                        container.namespace = None;
                    }
                    let _ = reply.send(Err(error));
                }
            },
            Purpose::Connect(network_id, dns, reply) => match result {
                Ok(sockets) => {
                    self.note_wired(&container_id, Some(&network_id));
                    match self.introduce(&container_id, dns, sockets) {
                        Ok(()) => self.republish(container_id, reply),
                        Err(error) => drop(reply.send(Err(error))),
                    }
                }
                Err(error) => {
                    self.give_up(&container_id, &network_id);
                    let _ = reply.send(Err(error));
                }
            },
            Purpose::Disconnect(reply) => match result.and_then(|_| self.refresh_dns(&container_id)) {
                Ok(()) => self.republish(container_id, reply),
                Err(error) => drop(reply.send(Err(error))),
            },
            Purpose::Repair(networks) => {
                match result {
                    Ok(_) => {
                        tracing::warn!(container = container_id, "interfaces had gone and are made again")
                    }
                    Err(error) => {
                        tracing::warn!(container = container_id, %error, "interfaces cannot be made again");
                    }
                }
                for network_id in networks {
                    self.note_wired(&container_id, Some(&network_id));
                }
            }
        }
    }

    /// Makes a container that has just been wired known to others by its names, and answers it if it asks.
    fn introduce(
        &mut self,
        container_id: &str,
        dns: Option<Resolver>,
        sockets: Option<Sockets>,
    ) -> Result<()> {
        // Detached while it was being wired: there is nobody to be known any more.
        if !self.containers.contains_key(container_id) {
            return Ok(());
        }
        match dns.zip(sockets) {
            Some((resolver, sockets)) => self.start_dns(container_id, resolver, &sockets),
            None => self.refresh_dns(container_id),
        }
    }

    fn note_wired(&mut self, container_id: &str, network_id: Option<&str>) {
        if let Some(container) = self.containers.get_mut(container_id) {
            let all = container.endpoints.iter().map(|endpoint| endpoint.network_id.clone());
            container.wired.extend(all.filter(|id| network_id.is_none_or(|wired| wired == id)));
        }
    }

    /// Publishes what has moved, and answers the endpoints.
    fn republish(&mut self, container_id: String, reply: Reply<Vec<Endpoint>>) {
        let (published, mut done) = tokio::sync::oneshot::channel();
        self.publish(&container_id, published);
        match done.try_recv() {
            Ok(Err(error)) => drop(reply.send(Err(error))),
            // Ports that wait for the sweeper come a moment later.
            Ok(Ok(())) | Err(_) => self.answer_endpoints(&container_id, reply),
        }
    }

    pub(super) fn answer_endpoints(&self, container_id: &str, reply: Reply<Vec<Endpoint>>) {
        let endpoints = self.containers.get(container_id).map(|it| it.endpoints.clone()).unwrap_or_default();
        let _ = reply.send(Ok(endpoints));
    }

    /// Brings up `lo` for a container without a network.
    pub(super) fn raise_loopback(&self, pid: u32, reply: Reply<()>) {
        spawn_visitor(move || {
            let result = open_namespace(pid).and_then(|namespace| raise_loopback(&namespace));
            let _ = reply.send(result);
        });
    }
}

/// What ties an endpoint to its network.
pub(super) fn wiring(nets: &super::net::Nets, endpoint: &Endpoint) -> Result<Wiring> {
    let net = nets
        .get(&endpoint.network_id)
        .filter(|net| net.index != 0)
        .ok_or_else(|| Error::NoSuchNetwork(endpoint.network_name.clone()))?;
    let mut addresses = Vec::new();
    if let Some(place) = endpoint.ipv4 {
        addresses.push(Cidr::new(place.address, place.prefix_len)?);
    }
    if let Some(place) = endpoint.ipv6 {
        addresses.push(Cidr::new(place.address, place.prefix_len)?);
    }
    Ok(Wiring {
        wire: wire(net, endpoint),
        mtu: net.record.mtu,
        interface: endpoint.interface.clone(),
        mac: endpoint.mac,
        addresses,
    })
}

fn wire(net: &Net, endpoint: &Endpoint) -> Wire {
    match &net.kind {
        Kind::Parent(options) if net.record.driver == crate::Driver::Ipvlan => {
            Wire::Ipvlan { parent_index: net.index, mode: options.mode.clone(), flag: options.flag.clone() }
        }
        Kind::Parent(options) => Wire::Macvlan { parent_index: net.index, mode: options.mode.clone() },
        Kind::Bridge(_) | Kind::Plain => Wire::Veth {
            bridge_index: net.index,
            host_interface: endpoint.host_interface.clone(),
            // Where the rules see what the bridge does they keep its ports apart, and let through what is published;
            // a packet that is translated there turns round inside the bridge.
            isolated: net.bridge_options().is_some_and(|options| !options.icc)
                && !bridged_packets_see_rules(),
        },
    }
}

/// Runs `visit` on a thread that ends with it, so that it may leave this daemon's network namespace for good.
fn spawn_visitor(visit: impl FnOnce() + Send + 'static) {
    let visitor = thread::Builder::new().name("network-wire".to_owned()).stack_size(STACK_SIZE);
    // If there can be no thread the closure, and the reply in it, is dropped: the caller hears that we are closed.
    if let Err(error) = visitor.spawn(visit) {
        tracing::error!(%error, "no thread can be started to enter a container's network namespace");
    }
}
