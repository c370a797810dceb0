//! Giving back what a container has.

use super::Owner;
use super::attach::published_ports;
use crate::hold::HoldKey;
use crate::kernel::StaleFlows;
use crate::{BoundPort, Error, Result};

impl Owner {
    /// Frees address, ports and names; what must be deleted in the kernel is left to the sweeper.
    pub(super) fn detach(&mut self, container_id: &str) -> Result<()> {
        let Some(endpoint) = self.endpoints.remove(container_id) else { return Ok(()) };
        if let Some(network) = &mut self.network {
            for ip in endpoint.addresses() {
                network.addresses.release(ip);
            }
        }
        if !endpoint.ports.is_empty() {
            for port in published_ports(&endpoint) {
                if self.published.remove(&port.key()).is_some() && self.firewall.is_some() {
                    self.sweep.pending.ports.push(port);
                }
            }
            if self.firewall.is_some() {
                let flows = StaleFlows {
                    to_addresses: endpoint.address_v4().into_iter().collect(),
                    ..StaleFlows::default()
                };
                self.sweep.pending.flows.merge(flows);
                self.sweep.soon();
            }
        }
        self.sweep.link(endpoint.host_interface);
        let keys: Vec<HoldKey> = endpoint.ports.iter().map(BoundPort::key).collect();
        let stopped = self.stop_dns(container_id);
        self.keeper.release(&keys).map_err(Error::Keeper).and(stopped)
    }
}
