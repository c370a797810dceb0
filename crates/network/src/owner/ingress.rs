//! The balanced ports of a swarm.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Owner, Reply};
use crate::hold::{Hold, HoldKey};
use crate::kernel::StaleFlows;
use crate::nft::Balanced;
use crate::{Error, IngressPort};

/// Whom the ports of the ingress are held for.
pub(super) const INGRESS_OWNER: &str = "ingress";

impl Owner {
    /// Makes the balanced ports these. The reply follows when the rules are in place.
    pub(super) fn set_ingress(&mut self, ports: &[IngressPort], reply: Reply<()>) {
        let result = self.hold_ingress(ports);
        let wanted: Vec<Balanced> = ports
            .iter()
            .filter(|port| !port.backends.is_empty())
            .filter(|port| self.ingress_keys.contains(&key(port, Ipv4Addr::UNSPECIFIED.into())))
            .map(balanced)
            .collect();
        if wanted == self.ingress || self.firewall.is_none() {
            self.ingress = wanted;
            return drop(reply.send(result));
        }
        let flows = StaleFlows {
            udp_to_addresses: removed_backends(&self.ingress, &wanted),
            ..StaleFlows::default()
        };
        let old = std::mem::replace(&mut self.ingress, wanted.clone());
        let pending = &mut self.sweep.pending;
        // Two changes in a row are one: from what the first found to what the second wants.
        let old = pending.ingress.take().map_or(old, |(first, _)| first);
        pending.ingress = Some((old, wanted));
        pending.flows.merge(flows);
        pending.replies.push((result, reply));
        self.sweep.now();
    }

    /// Holds what is wanted and lets go of what is not. The first port that cannot be held is reported.
    fn hold_ingress(&mut self, ports: &[IngressPort]) -> Result<(), Error> {
        let mut hosts: Vec<IpAddr> = vec![Ipv4Addr::UNSPECIFIED.into()];
        if self.config.userland_proxy {
            hosts.push(Ipv6Addr::UNSPECIFIED.into());
        }
        let wanted: BTreeSet<HoldKey> =
            ports.iter().flat_map(|port| hosts.iter().map(|host| key(port, *host))).collect();
        let unwanted: Vec<HoldKey> = self.ingress_keys.difference(&wanted).copied().collect();
        let mut outcome = self.keeper.release(&unwanted).map_err(Error::Keeper);
        self.ingress_keys.retain(|key| wanted.contains(key));
        for (port, host) in ports.iter().flat_map(|port| hosts.iter().map(move |host| (port, *host))) {
            let key = key(port, host);
            let hold = Hold {
                key,
                owner: INGRESS_OWNER.to_owned(),
                proxy: self.is_proxied(port.protocol, host, host.is_ipv4() && self.firewall.is_some()),
                backends: port
                    .backends
                    .iter()
                    .map(|(address, port)| (IpAddr::from(*address), *port))
                    .collect(),
            };
            match self.keeper.hold_changed(hold) {
                Ok(Ok(())) => {
                    self.ingress_keys.insert(key);
                }
                // The same port of IPv6 is an extra: a machine may have none.
                Ok(Err(_)) if host.is_ipv6() => {}
                Ok(Err((key, refusal))) => {
                    let error = Error::Ingress(self.port_error(key, refusal));
                    outcome = outcome.and(Err(error));
                }
                Err(error) => return Err(Error::Keeper(error)),
            }
        }
        outcome
    }
}

/// What the rules are told about a port.
pub(super) fn balanced(port: &IngressPort) -> Balanced {
    Balanced { protocol: port.protocol, port: port.published_port, targets: port.backends.clone() }
}

fn key(port: &IngressPort, host_ip: IpAddr) -> HoldKey {
    HoldKey { protocol: port.protocol, host_ip, host_port: port.published_port }
}

fn removed_backends(old: &[Balanced], new: &[Balanced]) -> BTreeSet<IpAddr> {
    let addresses = |ports: &[Balanced]| -> BTreeSet<IpAddr> {
        ports.iter().flat_map(|port| port.targets.iter().map(|(address, _)| IpAddr::from(*address))).collect()
    };
    addresses(old).difference(&addresses(new)).copied().collect()
}
