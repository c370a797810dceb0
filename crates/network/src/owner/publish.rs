//! Published ports on their way into the table, and out of it.

use super::{Owner, Reply};
use crate::hold::HoldKey;
use crate::kernel::StaleFlows;
use crate::nft::Published;
use crate::{Endpoint, Protocol, Result};

/// Ports on their way into the table, and who waits for it.
pub(super) struct Publication {
    pub(super) ports: Vec<Published>,
    pub(super) reply: Reply<()>,
}

impl Owner {
    /// Publishes the ports of a container that has just been wired.
    pub(super) fn publish(&mut self, container_id: &str, reply: Reply<()>) {
        // Detached while it was being wired: there is nothing to publish any more.
        let container = self.containers.get(container_id);
        let ports = container.into_iter().flat_map(|it| &it.endpoints).flat_map(published).collect();
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
        let new = ports.iter().filter(|port| self.published.get(&port.key()) != Some(port));
        let new: Vec<Published> = new.copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut old = self.sweep.take_back(keys);
        // What leads elsewhere now.
        old.extend(new.iter().filter_map(|port| self.published.get(&port.key()).copied()));
        let added = if old.is_empty() { firewall.add_ports(&new) } else { firewall.change_ports(&old, &new) };
        self.published.extend(new.iter().map(|port| (port.key(), *port)));
        self.census_is_due();
        if let Err(error) = added {
            tracing::warn!(%error, "ports cannot be added to the rules, the table is made anew");
            self.table_is_stale = true;
            self.restore_table()?;
        }
        let udp = new.iter().filter(|port| port.protocol == Protocol::Udp).map(|port| port.host_port);
        let flows = StaleFlows { udp_to_ports: udp.collect(), ..StaleFlows::default() };
        if !flows.is_empty() {
            self.sweep.pending.flows.merge(flows);
            self.sweep.soon();
        }
        Ok(())
    }

    /// Has ports deleted from the table.
    pub(super) fn unpublish(&mut self, ports: impl Iterator<Item = Published>) {
        for port in ports {
            if self.published.remove(&port.key()).is_some() && self.firewall.is_some() {
                self.sweep.pending.ports.push(port);
                self.sweep.soon();
            }
        }
    }
}

/// The ports of an endpoint that rules can publish: those whose host address is of a family the endpoint has, and of a
/// routed network the endpoint's own.
pub(super) fn published(endpoint: &Endpoint) -> Vec<Published> {
    let mut ports = Vec::new();
    for port in &endpoint.ports {
        let mut addresses = endpoint.addresses();
        let Some(address) = addresses.find(|address| address.is_ipv4() == port.host_ip.is_ipv4()) else {
            continue;
        };
        ports.push(match port.host_port {
            0 => Published::open(port.protocol, address, port.container_port),
            host_port => Published {
                protocol: port.protocol,
                host_ip: port.host_ip,
                host_port,
                target: (address, port.container_port),
            },
        });
    }
    ports
}
