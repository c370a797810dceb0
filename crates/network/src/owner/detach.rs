//! Giving back what a container has.

use super::Owner;
use super::container::Container;
use super::publish::published;
use crate::hold::HoldKey;
use crate::kernel::StaleFlows;
use crate::{BoundPort, Endpoint, Error, Result};

impl Owner {
    /// Frees addresses, ports and names; what must be deleted in the kernel is left to the sweeper.
    pub(super) fn detach(&mut self, container_id: &str) -> Result<()> {
        // With the descriptor of its namespace goes the last thing of ours that keeps it.
        let Some(container) = self.containers.remove(container_id) else { return Ok(()) };
        let mut outcome = self.stop_dns(container_id);
        for endpoint in container.endpoints {
            outcome = outcome.and(self.give_back(endpoint));
        }
        outcome
    }

    /// Takes one endpoint out of the books. The container stays known if it runs, even without any.
    pub(super) fn forget_endpoint(&mut self, container_id: &str, network_id: &str) {
        let Some(container) = self.containers.get_mut(container_id) else { return };
        container.wired.remove(network_id);
        let found = container.endpoints.iter().position(|endpoint| endpoint.network_id == network_id);
        let removed = found.map(|index| container.endpoints.remove(index));
        self.forget_idle(container_id);
        if let Some(mut endpoint) = removed {
            // Its ports may yet find another way.
            let (open, ports): (Vec<_>, Vec<_>) =
                std::mem::take(&mut endpoint.ports).into_iter().partition(|port| port.host_port == 0);
            let open = Endpoint { ports: open, ..endpoint.clone() };
            self.unpublish(published(&open).into_iter());
            if let Err(error) = self.rehome(container_id, ports) {
                tracing::warn!(container = container_id, %error, "ports cannot be let go of");
            }
            if let Err(error) = self.give_back(endpoint) {
                tracing::warn!(container = container_id, %error, "endpoint is not wholly given back");
            }
        }
    }

    /// A container that has nothing and does not run is nobody.
    pub(super) fn forget_idle(&mut self, container_id: &str) {
        let is_idle = |it: &Container| it.endpoints.is_empty() && it.namespace.is_none();
        if self.containers.get(container_id).is_some_and(is_idle) {
            self.containers.remove(container_id);
        }
    }

    /// Puts ports whose endpoint has gone on any other of the container, for [`Owner::move_ports`] to find their
    /// proper place, or lets go of them.
    fn rehome(&mut self, container_id: &str, ports: Vec<BoundPort>) -> Result<()> {
        let other = self.containers.get_mut(container_id).and_then(|it| it.endpoints.first_mut());
        match other {
            Some(endpoint) => endpoint.ports.extend(ports),
            None => self.let_go(&ports)?,
        }
        Ok(())
    }

    fn let_go(&mut self, ports: &[BoundPort]) -> Result<()> {
        let keys: Vec<HoldKey> =
            ports.iter().filter(|port| port.host_port != 0).map(BoundPort::key).collect();
        self.keeper.release(&keys).map_err(Error::Keeper)
    }

    fn give_back(&mut self, endpoint: Endpoint) -> Result<()> {
        if let Some(net) = self.nets.get_mut(&endpoint.network_id) {
            endpoint.addresses().for_each(|address| net.release(address));
        }
        if self.firewall.is_some() && !endpoint.ports.is_empty() {
            self.unpublish(published(&endpoint).into_iter());
            let flows = StaleFlows { to_addresses: endpoint.addresses().collect(), ..StaleFlows::default() };
            self.sweep.pending.flows.merge(flows);
            self.sweep.soon();
        }
        if !endpoint.host_interface.is_empty() {
            self.sweep.link(endpoint.host_interface);
        }
        self.let_go(&endpoint.ports)
    }
}
