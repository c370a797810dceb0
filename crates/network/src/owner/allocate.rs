//! Choosing and holding: an address, and ports of the host.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Owner;
use super::port::{after, candidates};
use crate::error::PortError;
use crate::hold::{Held, Hold, HoldKey, Refusal};
use crate::network_name::BRIDGE;
use crate::{
    AttachRequest, BoundPort, Driver, Endpoint, Error, HostPort, Mac, Place, PortBinding, Protocol, Result,
};

/// An endpoint's id has as many random bytes.
const ID_LEN: usize = 32;

impl Owner {
    /// Chooses addresses and holds the ports. On failure nothing is kept.
    pub(super) fn allocate(&mut self, requests: Vec<AttachRequest>) -> Result<Vec<Endpoint>> {
        match <[AttachRequest; 1]>::try_from(requests) {
            Ok([request]) => Ok(vec![self.allocate_one(request)?]),
            Err(_) => Err(Error::NotImplemented("several networks per container")),
        }
    }

    fn allocate_one(&mut self, request: AttachRequest) -> Result<Endpoint> {
        let network = self.network.as_mut().ok_or_else(|| Error::NoSuchNetwork(request.network.clone()))?;
        if request.network != BRIDGE && request.network != network.id {
            return Err(Error::NoSuchNetwork(request.network));
        }
        if self.endpoints.contains_key(&request.container_id) {
            return Err(Error::AlreadyAttached {
                container: request.container_name,
                network: BRIDGE.to_owned(),
            });
        }
        let endpoint_id = random_id()?;
        let ip = match request.ipv4 {
            Some(ip) => network.addresses.allocate_at(ip.into()).map(|()| ip)?,
            None => match network.addresses.allocate()? {
                IpAddr::V4(ip) => ip,
                IpAddr::V6(_) => return Err(Error::NotImplemented("IPv6")),
            },
        };
        let gateway = match network.bridge.address.address() {
            IpAddr::V4(gateway) => Some(gateway),
            IpAddr::V6(_) => None,
        };
        let mut endpoint = Endpoint {
            network_id: network.id.clone(),
            network_name: BRIDGE.to_owned(),
            driver: Driver::Bridge,
            host_interface: format!("{}{}", self.config.veth_prefix(), &endpoint_id[..8]),
            endpoint_id,
            container_id: request.container_id,
            ipv4: Some(Place { address: ip, prefix_len: network.bridge.address.prefix_len(), gateway }),
            ipv6: None,
            mac: request.mac.unwrap_or_else(|| Mac::of_address(ip)),
            interface: "eth0".to_owned(),
            ports: Vec::new(),
            aliases: request.aliases,
            dns_names: request.dns_names,
            links: request.links,
            driver_opts: request.driver_opts,
            gw_priority: request.gw_priority,
        };
        match self.hold_ports(&endpoint, &request.container_name, &request.ports) {
            Ok(ports) => {
                endpoint.ports = ports;
                self.endpoints.insert(endpoint.container_id.clone(), endpoint.clone());
                Ok(endpoint)
            }
            Err(error) => {
                if let Some(network) = &mut self.network {
                    network.addresses.release(ip.into());
                }
                Err(error)
            }
        }
    }

    fn hold_ports(
        &mut self,
        endpoint: &Endpoint,
        name: &str,
        wishes: &[PortBinding],
    ) -> Result<Vec<BoundPort>> {
        let mut bound = Vec::new();
        for wish in wishes {
            match self.hold_port(endpoint, name, wish) {
                Ok(ports) => bound.extend(ports),
                Err(error) => {
                    let keys: Vec<HoldKey> = bound.iter().map(BoundPort::key).collect();
                    self.keeper.release(&keys).map_err(Error::Keeper)?;
                    return Err(error);
                }
            }
        }
        Ok(bound)
    }

    fn hold_port(&mut self, endpoint: &Endpoint, name: &str, wish: &PortBinding) -> Result<Vec<BoundPort>> {
        let mut hosts = match wish.host_ip {
            Some(ip) => vec![ip],
            None if self.config.userland_proxy => {
                vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
            }
            None => vec![Ipv4Addr::UNSPECIFIED.into()],
        };
        let tried = candidates(wish.host_port, self.next_port)?;
        let mut cause = PortError::Exhausted;
        for &host_port in &tried {
            let mut outcome = self.try_port(endpoint, wish, &hosts, host_port)?;
            if let Err((key, Refusal::NoSuchAddress)) = &outcome
                && wish.host_ip.is_none()
                && key.host_ip.is_ipv6()
            {
                // A machine without IPv6 publishes on what it has.
                hosts.retain(IpAddr::is_ipv4);
                outcome = self.try_port(endpoint, wish, &hosts, host_port)?;
            }
            match outcome {
                Ok(ports) => {
                    if wish.host_port == HostPort::Ephemeral {
                        self.next_port = after(host_port);
                    }
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
        Err(Error::Publish { endpoint: name.to_owned(), endpoint_id: endpoint.endpoint_id.clone(), cause })
    }

    /// Holds one port on all of `hosts`, or on none of them.
    fn try_port(
        &mut self,
        endpoint: &Endpoint,
        wish: &PortBinding,
        hosts: &[IpAddr],
        host_port: u16,
    ) -> Result<Held<Vec<BoundPort>>> {
        let bound: Vec<BoundPort> = hosts
            .iter()
            .map(|&host_ip| BoundPort {
                container_port: wish.container_port,
                protocol: wish.protocol,
                host_ip,
                host_port,
            })
            .collect();
        if let Some(port) = bound.iter().find(|port| self.keeper.owner(&port.key()).is_some()) {
            return Ok(Err((port.key(), Refusal::Held)));
        }
        let holds = bound.iter().map(|port| self.hold_of(endpoint, port)).collect();
        Ok(self.keeper.hold(holds).map_err(Error::Keeper)?.map(|()| bound))
    }

    /// What `shoal-net` is told about an endpoint's port.
    pub(super) fn hold_of(&self, endpoint: &Endpoint, port: &BoundPort) -> Hold {
        Hold {
            key: port.key(),
            owner: endpoint.container_id.clone(),
            proxy: self.is_proxied(port.protocol, port.host_ip),
            backends: endpoint.address_v4().map(|ip| (ip, port.container_port)).into_iter().collect(),
        }
    }

    /// Whether `shoal-net` serves what arrives at a port, beside holding it.
    ///
    /// An IPv6 address has no other way to a container, which has none. UDP that the rules translate is not proxied:
    /// a late answer of the proxy would begin a flow of its own in the kernel's eyes, and keep the client to it.
    pub(super) fn is_proxied(&self, protocol: Protocol, host_ip: IpAddr) -> bool {
        host_ip.is_ipv6()
            || (self.config.userland_proxy && (protocol == Protocol::Tcp || self.firewall.is_none()))
    }

    /// Docker tells a port of its own from one of another program.
    pub(super) fn port_error(&self, key: HoldKey, refusal: Refusal) -> PortError {
        let (address, protocol) = (key.address(), key.protocol);
        match refusal {
            Refusal::Held => PortError::Allocated(address),
            Refusal::InUse if self.keeper.overlaps(&key) => PortError::Allocated(address),
            Refusal::InUse => PortError::InUse { address, protocol },
            Refusal::NoSuchAddress => {
                PortError::Refused { address, protocol, reason: "cannot assign requested address".to_owned() }
            }
            Refusal::Other(reason) => PortError::Refused { address, protocol, reason },
        }
    }
}

fn random_id() -> Result<String> {
    let mut bytes = [0; ID_LEN];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(Error::kernel("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
