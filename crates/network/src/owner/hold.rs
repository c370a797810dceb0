//! Ports of the host: holding them for a container, and moving them when its way out moves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Owner;
use super::container::{Home, home};
use super::port::{after, candidates};
use super::publish::published;
use crate::error::PortError;
use crate::hold::{Held, Hold, HoldKey, Refusal};
use crate::{BoundPort, Endpoint, Error, HostPort, PortBinding, Protocol, Result};

impl Owner {
    /// Holds all ports that a container wants and that have a way to it. On failure none is held.
    pub(super) fn hold_wishes(&mut self, container_id: &str) -> Result<()> {
        let Some(container) = self.containers.get(container_id) else { return Ok(()) };
        let (wishes, endpoints) = (container.wishes.clone(), container.endpoints.clone());
        if endpoints.iter().any(|endpoint| !endpoint.ports.is_empty()) {
            return Ok(());
        }
        let name = container.name.clone();
        let mut bound: Vec<(usize, BoundPort)> = Vec::new();
        for wish in &wishes {
            match self.hold_wish(&endpoints, &name, wish) {
                Ok(ports) => bound.extend(ports),
                Err(error) => {
                    let keys: Vec<HoldKey> = bound
                        .iter()
                        .filter(|(_, port)| port.host_port != 0)
                        .map(|(_, port)| port.key())
                        .collect();
                    self.keeper.release(&keys).map_err(Error::Keeper)?;
                    return Err(error);
                }
            }
        }
        if let Some(container) = self.containers.get_mut(container_id) {
            for (index, port) in bound {
                container.endpoints[index].ports.push(port);
            }
        }
        Ok(())
    }

    /// Holds one port on every address it is wished on. Each comes with the place of the endpoint it leads to.
    fn hold_wish(
        &mut self,
        endpoints: &[Endpoint],
        name: &str,
        wish: &PortBinding,
    ) -> Result<Vec<(usize, BoundPort)>> {
        let homes: Vec<(IpAddr, Home)> = self
            .hosts_of(endpoints, wish)
            .into_iter()
            .filter_map(|host| Some((host, home(endpoints, &self.nets, host)?)))
            .collect();
        let bound = |host_ip, host_port| BoundPort {
            container_port: wish.container_port,
            protocol: wish.protocol,
            host_ip,
            host_port,
        };
        // Where nothing is translated there is no port of the host to hold.
        let mut ports: Vec<(usize, BoundPort)> = homes
            .iter()
            .filter(|(_, home)| home.routed)
            .map(|(host, home)| (home.index, bound(*host, 0)))
            .collect();
        let mut hosts: Vec<(IpAddr, Home)> = homes.into_iter().filter(|(_, home)| !home.routed).collect();
        let Some((_, first)) = hosts.first().copied() else { return Ok(ports) };
        let tried = candidates(wish.host_port, self.next_port)?;
        let mut cause = PortError::Exhausted;
        for &host_port in &tried {
            let mut outcome = self.try_port(endpoints, wish, &hosts, host_port)?;
            if let Err((key, Refusal::NoSuchAddress)) = &outcome
                && wish.host_ip.is_none()
                && key.host_ip.is_ipv6()
                && hosts.iter().any(|(host, _)| host.is_ipv4())
            {
                // A machine without IPv6 publishes on what it has.
                hosts.retain(|(host, _)| host.is_ipv4());
                outcome = self.try_port(endpoints, wish, &hosts, host_port)?;
            }
            match outcome {
                Ok(()) => {
                    if wish.host_port == HostPort::Ephemeral {
                        self.next_port = after(host_port);
                    }
                    ports.extend(hosts.iter().map(|(host, home)| (home.index, bound(*host, host_port))));
                    return Ok(ports);
                }
                Err((key, refusal)) => {
                    let may_try_next = matches!(refusal, Refusal::Held | Refusal::InUse);
                    cause = self.port_error(key, refusal);
                    if !may_try_next {
                        break;
                    }
                }
            }
        }
        if tried.len() > 1 && !matches!(cause, PortError::Refused { .. }) {
            cause = PortError::Exhausted;
        }
        let endpoint_id = endpoints[first.index].endpoint_id.clone();
        Err(Error::Publish { endpoint: name.to_owned(), endpoint_id, cause })
    }

    /// The host's addresses a port is wished on: the one that is told, or the network's, or all of both families.
    fn hosts_of(&self, endpoints: &[Endpoint], wish: &PortBinding) -> Vec<IpAddr> {
        let (v4, v6) = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED));
        match wish.host_ip {
            Some(ip) => vec![ip],
            None => {
                let net = home(endpoints, &self.nets, v4)
                    .and_then(|home| self.nets.get(&endpoints[home.index].network_id));
                let binding =
                    net.and_then(|net| net.bridge_options()).and_then(|options| options.host_binding);
                match binding.filter(|ip| !ip.is_unspecified()) {
                    Some(ip) => vec![ip.into()],
                    None if self.config.userland_proxy || self.is_translated(endpoints, v6) => vec![v4, v6],
                    None => vec![v4],
                }
            }
        }
    }

    /// Whether the rules bring a port on this address of the host to its home.
    fn is_translated(&self, endpoints: &[Endpoint], host_ip: IpAddr) -> bool {
        let endpoint = home(endpoints, &self.nets, host_ip).map(|home| &endpoints[home.index]);
        self.firewall.is_some()
            && endpoint.is_some_and(|endpoint| {
                endpoint.addresses().any(|address| address.is_ipv4() == host_ip.is_ipv4())
            })
    }

    /// Holds one port on all of `hosts`, or on none of them.
    fn try_port(
        &mut self,
        endpoints: &[Endpoint],
        wish: &PortBinding,
        hosts: &[(IpAddr, Home)],
        host_port: u16,
    ) -> Result<Held<()>> {
        let holds: Vec<Hold> = hosts
            .iter()
            .map(|(host_ip, home)| {
                let (container_port, protocol) = (wish.container_port, wish.protocol);
                let port = BoundPort { container_port, protocol, host_ip: *host_ip, host_port };
                self.hold_of(&endpoints[home.index], &port)
            })
            .collect();
        if let Some(hold) = holds.iter().find(|hold| self.keeper.owner(&hold.key).is_some()) {
            return Ok(Err((hold.key, Refusal::Held)));
        }
        self.keeper.hold(holds).map_err(Error::Keeper)
    }

    /// What `shoal-net` is told about an endpoint's port.
    pub(super) fn hold_of(&self, endpoint: &Endpoint, port: &BoundPort) -> Hold {
        let same = endpoint.addresses().find(|address| address.is_ipv4() == port.host_ip.is_ipv4());
        let backend = same.or_else(|| endpoint.addresses().next());
        let translated = same.is_some() && self.firewall.is_some();
        Hold {
            key: port.key(),
            owner: endpoint.container_id.clone(),
            proxy: self.is_proxied(port.protocol, port.host_ip, translated),
            backends: backend.map(|address| (address, port.container_port)).into_iter().collect(),
        }
    }

    /// Whether `shoal-net` serves what arrives at a port, beside holding it.
    ///
    /// What the rules do not translate has no other way, and nothing from `::1` is ever translated. Other UDP that
    /// the rules translate is not proxied: a late answer of the proxy would begin a flow of its own in the kernel's
    /// eyes, and keep the client to it.
    pub(super) fn is_proxied(&self, protocol: Protocol, host_ip: IpAddr, translated: bool) -> bool {
        let serves_loopback = match host_ip {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => address.is_unspecified() || address.is_loopback(),
        };
        let untranslated = !translated && (self.config.userland_proxy || host_ip.is_ipv6());
        untranslated || (self.config.userland_proxy && (protocol == Protocol::Tcp || serves_loopback))
    }

    /// Leads the held ports of a container to where its way out is now: those that have one no more are let go, and if
    /// none was held, those that it wants are.
    pub(super) fn move_ports(&mut self, container_id: &str) -> Result<()> {
        let Some(container) = self.containers.get(container_id) else { return Ok(()) };
        let before = container.endpoints.clone();
        let mut after = before.clone();
        after.iter_mut().for_each(|endpoint| endpoint.ports.clear());
        let mut lost = Vec::new();
        for port in before.iter().flat_map(|endpoint| &endpoint.ports) {
            match home(&after, &self.nets, port.host_ip) {
                Some(home) if home.routed == (port.host_port == 0) => {
                    after[home.index].ports.push(port.clone())
                }
                _ if port.host_port != 0 => lost.push(port.key()),
                _ => {}
            }
        }
        self.keeper.release(&lost).map_err(Error::Keeper)?;
        for endpoint in &after {
            for port in endpoint.ports.iter().filter(|port| port.host_port != 0) {
                let hold = self.hold_of(endpoint, port);
                if let Err((key, refusal)) = self.keeper.hold_changed(hold).map_err(Error::Keeper)? {
                    let cause = self.port_error(key, refusal);
                    tracing::warn!(container = container_id, %cause, "published port cannot be moved");
                }
            }
        }
        let gone: Vec<_> = before.iter().flat_map(published).collect();
        if let Some(container) = self.containers.get_mut(container_id) {
            container.endpoints = after;
        }
        self.hold_wishes(container_id)?;
        let kept: Vec<HoldKey> = self
            .containers
            .get(container_id)
            .into_iter()
            .flat_map(|it| &it.endpoints)
            .flat_map(published)
            .map(|port| port.key())
            .collect();
        self.unpublish(gone.into_iter().filter(|port| !kept.contains(&port.key())));
        Ok(())
    }

    /// Docker tells a port of its own from one of another program.
    pub(super) fn port_error(&self, key: HoldKey, refusal: Refusal) -> PortError {
        let (address, protocol) = (key.address(), key.protocol);
        let holder = || {
            let owner = self.keeper.holder(&key)?;
            self.containers.get(owner).map(|container| container.name.clone())
        };
        match refusal {
            Refusal::Held => PortError::Allocated { address, holder: holder() },
            Refusal::InUse if self.keeper.holder(&key).is_some() => {
                PortError::Allocated { address, holder: holder() }
            }
            Refusal::InUse => PortError::InUse { address, protocol },
            Refusal::NoSuchAddress => {
                PortError::Refused { address, protocol, reason: "cannot assign requested address".to_owned() }
            }
            Refusal::Other(reason) => PortError::Refused { address, protocol, reason },
        }
    }
}
