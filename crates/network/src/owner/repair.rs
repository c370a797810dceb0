//! Bridges and interfaces that somebody has removed, taken down or taken off their bridge.

use std::collections::BTreeMap;

use netlink_packet_route::link::LinkMessage;

use super::Owner;
use super::attach::{Purpose, wiring};
use super::container::ways;
use super::create::ensure_link;
use crate::kernel::Request;
use crate::link::{Visit, controller_of, enslave, ignore_absence, is_up, name_of};
use crate::{Endpoint, Result};

impl Owner {
    /// Looks at all links once, and puts right what is wrong. Interfaces that are gone are made again by visits.
    pub(super) fn reconcile_links(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        let ids: Vec<String> = self.nets.keys().cloned().collect();
        for id in ids {
            outcome = outcome.and(self.reconcile_net(&id));
        }
        let links: BTreeMap<String, LinkMessage> = self
            .route
            .links()?
            .into_iter()
            .filter_map(|link| Some((name_of(&link)?.to_owned(), link)))
            .collect();
        let (mut requests, mut lost) = (Vec::new(), Vec::new());
        for (container_id, container) in &self.containers {
            let mut networks = Vec::new();
            for endpoint in container.endpoints.iter().filter(|it| container.wired.contains(&it.network_id)) {
                match self.state_of(endpoint, &links) {
                    State::Well => {}
                    State::Loose(request) => requests.push(request),
                    State::Gone => networks.push(endpoint.network_id.clone()),
                }
            }
            if !networks.is_empty() {
                lost.push((container_id.clone(), networks));
            }
        }
        for request in requests {
            outcome = outcome.and(ignore_absence(self.route.apply(vec![request])));
        }
        for (container_id, networks) in lost {
            outcome = outcome.and(self.rewire(&container_id, networks));
        }
        outcome
    }

    fn reconcile_net(&mut self, id: &str) -> Result<()> {
        let Some(net) = self.nets.get_mut(id) else { return Ok(()) };
        let index = ensure_link(&mut self.route, net, self.config.alias(id), self.firewall.is_some())?;
        if index != net.index && net.index != 0 {
            tracing::warn!(interface = net.record.interface, "interface had gone and is made again");
        }
        net.index = index;
        Ok(())
    }

    fn state_of(&self, endpoint: &Endpoint, links: &BTreeMap<String, LinkMessage>) -> State {
        // Interfaces that are wholly inside are the container's own affair.
        let Some(net) = self.nets.get(&endpoint.network_id) else { return State::Well };
        if endpoint.host_interface.is_empty() {
            return State::Well;
        }
        match links.get(&endpoint.host_interface) {
            None => State::Gone,
            Some(link) if is_up(link) && controller_of(link) == Some(net.index) => State::Well,
            Some(_) => State::Loose(enslave(&endpoint.host_interface, net.index)),
        }
    }

    /// Makes interfaces again, in the namespace that was kept. Connections live on: all addresses are as before.
    fn rewire(&mut self, container_id: &str, networks: Vec<String>) -> Result<()> {
        let Some(container) = self.containers.get_mut(container_id) else { return Ok(()) };
        let Some(namespace) = container.namespace.clone() else { return Ok(()) };
        // Until the visit is over nobody else repairs them.
        container.wired.retain(|id| !networks.contains(id));
        let make = networks.iter().filter_map(|id| container.on(id));
        let make = make.map(|endpoint| wiring(&self.nets, endpoint)).collect::<Result<_>>()?;
        let plan = Visit { make, ways: Some(ways(&container.endpoints, &self.nets)), ..Visit::default() };
        self.visit(container_id.to_owned(), namespace, plan, Purpose::Repair(networks));
        Ok(())
    }
}

/// How an interface is found.
enum State {
    Well,
    /// Down, or off its bridge.
    Loose(Request),
    Gone,
}
