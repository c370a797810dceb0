//! Wiring an endpoint, on a thread of its own, and publishing its ports.

use std::net::IpAddr;
use std::slice;
use std::thread;

use ipam::Cidr;

use super::{Event, Owner, Reply};
use crate::hold::HoldKey;
use crate::kernel::StaleFlows;
use crate::link::{Wiring, raise_loopback, wire};
use crate::nft::Published;
use crate::resolver::Sockets;
use crate::{BoundPort, Endpoint, Error, Protocol, Resolver, Result};

/// The threads that enter a container's namespace keep nothing large on their stacks.
pub(super) const STACK_SIZE: usize = 128 * 1024;

/// Ports on their way into the table, and who waits for it.
pub(super) struct Publication {
    ports: Vec<Published>,
    reply: Reply<()>,
}

impl Owner {
    /// Starts the wiring; [`Event::Wired`] follows if there are ports to publish.
    pub(super) fn attach(
        &mut self,
        endpoints: Vec<Endpoint>,
        pid: u32,
        dns: Option<Resolver>,
        reply: Reply<()>,
    ) {
        let Ok([endpoint]) = <[Endpoint; 1]>::try_from(endpoints) else {
            return drop(reply.send(Err(Error::NotImplemented("several networks per container"))));
        };
        let wiring = match self.wiring(&endpoint) {
            Ok(wiring) => wiring,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let events = self.sender.clone();
        spawn_visitor(reply, move |reply| {
            // This thread is in the container's namespace when it has wired it.
            let sockets = wire(&wiring, pid).and_then(|()| match dns {
                Some(resolver) => Sockets::open().map(|sockets| Some((resolver, sockets))),
                None => Ok(None),
            });
            match sockets {
                Ok(None) if endpoint.ports.is_empty() => drop(reply.send(Ok(()))),
                Ok(dns) => drop(events.send(Event::Wired(endpoint.container_id, dns, reply))),
                Err(error) => drop(reply.send(Err(error))),
            }
        });
    }

    /// Brings up `lo` for a container without a network.
    pub(super) fn raise_loopback(&self, pid: u32, reply: Reply<()>) {
        spawn_visitor(reply, move |reply| drop(reply.send(raise_loopback(pid))));
    }

    /// Publishes the ports of a container that has just been wired, and starts its DNS.
    pub(super) fn publish(&mut self, container_id: &str, dns: Option<(Resolver, Sockets)>, reply: Reply<()>) {
        // Detached while it was being wired: there is nothing to publish any more.
        let Some(endpoint) = self.endpoints.get(container_id).cloned() else {
            return drop(reply.send(Ok(())));
        };
        if let Some((resolver, sockets)) = dns
            && let Err(error) = self.start_dns(container_id, slice::from_ref(&endpoint), resolver, &sockets)
        {
            return drop(reply.send(Err(error)));
        }
        let ports = published_ports(&endpoint);
        self.add_ports(Publication { ports, reply });
    }

    /// Adds ports to the table at once, or as soon as the sweeper has deleted what is in the way.
    pub(super) fn add_ports(&mut self, publication: Publication) {
        let keys: Vec<HoldKey> = publication.ports.iter().map(Published::key).collect();
        if keys.iter().any(|key| self.sweep.is_deleting(key)) {
            return self.waiting.push(publication);
        }
        let result = self.put_ports(&publication.ports, &keys);
        let _ = publication.reply.send(result);
    }

    fn put_ports(&mut self, ports: &[Published], keys: &[HoldKey]) -> Result<()> {
        let Some(firewall) = &mut self.firewall else { return Ok(()) };
        if ports.is_empty() {
            return Ok(());
        }
        let old = self.sweep.take_back(keys);
        let added =
            if old.is_empty() { firewall.add_ports(ports) } else { firewall.change_ports(&old, ports) };
        self.published.extend(ports.iter().map(|port| (port.key(), *port)));
        if let Err(error) = added {
            tracing::warn!(%error, "ports cannot be added to the rules, the table is made anew");
            self.table_is_stale = true;
            self.restore_table()?;
        }
        let udp = ports.iter().filter(|port| port.protocol == Protocol::Udp).map(|port| port.host_port);
        let flows = StaleFlows { udp_to_ports: udp.collect(), ..StaleFlows::default() };
        if !flows.is_empty() {
            self.sweep.pending.flows.merge(flows);
            self.sweep.soon();
        }
        Ok(())
    }

    fn wiring(&self, endpoint: &Endpoint) -> Result<Wiring> {
        let network =
            self.network.as_ref().ok_or_else(|| Error::NoSuchNetwork(endpoint.network_name.clone()))?;
        let no_address = || Error::NotImplemented("endpoints without an IPv4 address");
        let place = endpoint.ipv4.ok_or_else(no_address)?;
        Ok(Wiring {
            bridge_index: network.bridge.index,
            mtu: network.bridge.mtu,
            host_interface: endpoint.host_interface.clone(),
            mac: endpoint.mac,
            address: Cidr::new(place.address, place.prefix_len)?,
            gateway: place.gateway.ok_or_else(no_address)?,
        })
    }
}

/// The ports of an endpoint that rules can publish: those of IPv4.
pub(super) fn published_ports(endpoint: &Endpoint) -> Vec<Published> {
    let of_port = |port: &BoundPort| match (port.host_ip, endpoint.address_v4()) {
        (IpAddr::V4(host_ip), Some(ip)) => Some(Published {
            protocol: port.protocol,
            host_ip,
            host_port: port.host_port,
            target: (ip, port.container_port),
        }),
        _ => None,
    };
    endpoint.ports.iter().filter_map(of_port).collect()
}

/// Runs `visit` on a thread that ends with it, so that it may leave this daemon's network namespace for good.
fn spawn_visitor(reply: Reply<()>, visit: impl FnOnce(Reply<()>) + Send + 'static) {
    let visitor = thread::Builder::new().name("network-wire".to_owned()).stack_size(STACK_SIZE);
    // If there can be no thread the closure, and the reply in it, is dropped: the caller hears that we are closed.
    if let Err(error) = visitor.spawn(move || visit(reply)) {
        tracing::error!(%error, "no thread can be started to enter a container's network namespace");
    }
}
