//! The subnets of the swarm's networks: read from what a user asks for, and chosen where nothing is asked. Pure.

use std::net::IpAddr;

use ipam::{Cidr, Pool};
use swarm_api::{default, pb};
use thiserror::Error;

use crate::store::State;

/// Why a network cannot have its subnets. The words are libnetwork's where it has some.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum SubnetError {
    /// A text that is no subnet, or no address of it.
    #[error("invalid {what} {text:?}: {reason}")]
    Unreadable {
        /// `subnet`, `range` or `gateway`.
        what: &'static str,
        /// As it was asked for.
        text: String,
        /// What it should be.
        reason: &'static str,
    },
    /// IPv6 without being asked for.
    #[error("invalid subnet {0}: IPv6 has not been enabled for this network")]
    FamilyDisabled(Cidr),
    /// Two of one family.
    #[error("networks of the swarm have one subnet of each family, and {0} is another")]
    Several(Cidr),
    /// Another network has a part of it.
    #[error("invalid pool request: {subnet} overlaps with network {network}")]
    Overlap {
        /// What was asked for.
        subnet: Cidr,
        /// The other's name.
        network: String,
    },
    /// Nothing is left to choose from.
    #[error("no subnet is left in the swarm's address pools")]
    Exhausted,
}

/// A subnet that somebody asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    subnet: Cidr,
    range: Option<Cidr>,
    gateway: Option<IpAddr>,
}

/// The subnets of `network` besides those that the others of `state` have: as asked, else chosen from the swarm's pools.
///
/// # Errors
/// If what is asked cannot be had.
pub(crate) fn settle(state: &State, network: &pb::Network) -> Result<Vec<pb::Subnet>, SubnetError> {
    let spec = network.spec.clone().unwrap_or_default();
    let mut settled: Vec<Wish> = Vec::new();
    for asked in &spec.subnets {
        let wish = read(asked)?;
        if wish.subnet.is_ipv6() && !spec.enable_ipv6 {
            return Err(SubnetError::FamilyDisabled(wish.subnet));
        }
        if settled.iter().any(|other| other.subnet.is_ipv4() == wish.subnet.is_ipv4()) {
            return Err(SubnetError::Several(wish.subnet));
        }
        check_overlap(state, network, wish.subnet)?;
        settled.push(wish);
    }
    let mut taken: Vec<Cidr> =
        others(state, network).flat_map(subnets_of).chain(settled.iter().map(|wish| wish.subnet)).collect();
    for (wanted, ipv4) in [(true, true), (spec.enable_ipv6, false)] {
        if wanted && !settled.iter().any(|wish| wish.subnet.is_ipv4() == ipv4) {
            let pools = pools(state);
            let pools = pools.iter().filter(|pool| pool.base().is_ipv4() == ipv4);
            let subnet = ipam::choose_subnet(pools, &taken).map_err(|_| SubnetError::Exhausted)?;
            taken.push(subnet);
            settled.push(Wish { subnet, range: None, gateway: None });
        }
    }
    settled.sort_by_key(|wish| wish.subnet.is_ipv6());
    settled.into_iter().map(tell).collect()
}

/// The subnet, and the part of it that addresses are given from, as they were settled.
pub(crate) fn settled(subnet: &pb::Subnet) -> Option<(Cidr, Option<Cidr>)> {
    let wish = read(subnet).ok()?;
    Some((wish.subnet, wish.range))
}

fn tell(wish: Wish) -> Result<pb::Subnet, SubnetError> {
    let gateway = match wish.gateway {
        Some(gateway) => gateway,
        None => ipam::Addresses::new(wish.subnet).allocate().map_err(|_| SubnetError::Exhausted)?,
    };
    Ok(pb::Subnet {
        subnet: wish.subnet.to_string(),
        range: wish.range.map(|range| range.to_string()).unwrap_or_default(),
        gateway: gateway.to_string(),
    })
}

fn read(asked: &pb::Subnet) -> Result<Wish, SubnetError> {
    let unreadable =
        |what, text: &str, reason| SubnetError::Unreadable { what, text: text.to_owned(), reason };
    let subnet: Cidr = asked
        .subnet
        .parse()
        .map_err(|_| unreadable("subnet", &asked.subnet, "want ADDRESS/PREFIX LENGTH"))?;
    let subnet = subnet.network();
    let range = match asked.range.as_str() {
        "" => None,
        text => match text.parse::<Cidr>().map(Cidr::network) {
            Ok(range) if subnet.covers(range) => Some(range),
            Ok(_) => return Err(unreadable("range", text, "it is not within the subnet")),
            Err(_) => return Err(unreadable("range", text, "want ADDRESS/PREFIX LENGTH")),
        },
    };
    let gateway = match asked.gateway.as_str() {
        "" => None,
        text => match text.parse::<IpAddr>() {
            Ok(gateway) if subnet.is_host(gateway) => Some(gateway),
            Ok(_) => return Err(unreadable("gateway", text, "it is no address of the subnet")),
            Err(_) => return Err(unreadable("gateway", text, "want an address")),
        },
    };
    Ok(Wish { subnet, range, gateway })
}

fn check_overlap(state: &State, network: &pb::Network, subnet: Cidr) -> Result<(), SubnetError> {
    match others(state, network).find(|other| subnets_of(other).any(|theirs| theirs.overlaps(subnet))) {
        Some(other) => {
            let annotations = other.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
            let network = annotations.map(|annotations| annotations.name.clone()).unwrap_or_default();
            Err(SubnetError::Overlap { subnet, network })
        }
        None => Ok(()),
    }
}

fn others<'a>(state: &'a State, network: &'a pb::Network) -> impl Iterator<Item = &'a pb::Network> {
    state.networks().map(|other| &**other).filter(|other| other.id != network.id)
}

/// What a network has, or, before it has anything, asks for.
fn subnets_of(network: &pb::Network) -> impl Iterator<Item = Cidr> {
    let asked = network.spec.as_ref().map_or(&[][..], |spec| &spec.subnets);
    let subnets = if network.subnets.is_empty() { asked } else { &network.subnets };
    subnets.iter().filter_map(|subnet| subnet.subnet.parse::<Cidr>().ok()).map(Cidr::network)
}

/// Where subnets are chosen from: the swarm's pools, and unique local addresses of its own.
fn pools(state: &State) -> Vec<Pool> {
    let cluster = state.cluster();
    let overlay = cluster.and_then(|cluster| cluster.spec.as_ref()).and_then(|spec| spec.overlay.as_ref());
    let size = overlay.map_or(0, |overlay| overlay.subnet_size);
    let size = u8::try_from(if size == 0 { default::SUBNET_SIZE } else { size }).unwrap_or(u8::MAX);
    let bases = overlay.map_or(&[][..], |overlay| &overlay.address_pools);
    let bases = bases.iter().map(String::as_str);
    let bases: Vec<&str> = if bases.len() == 0 { vec![default::ADDRESS_POOL] } else { bases.collect() };
    let mut pools: Vec<Pool> =
        bases.into_iter().filter_map(|base| Pool::new(base.parse().ok()?, size).ok()).collect();
    let mut site = [0; 5];
    let id = cluster.map_or("", |cluster| &cluster.id);
    site.iter_mut().zip(id.bytes()).for_each(|(byte, digit)| *byte = digit);
    pools.push(Pool::unique_local(site));
    pools
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action, Transaction, apply};

    fn network(id: &str, subnets: &[&str], enable_ipv6: bool) -> pb::Network {
        let asked = |text: &&str| pb::Subnet {
            subnet: (*text).to_owned(),
            range: String::new(),
            gateway: String::new(),
        };
        pb::Network {
            id: id.to_owned(),
            spec: Some(pb::NetworkSpec {
                annotations: Some(pb::Annotations { name: format!("{id}-name"), ..Default::default() }),
                subnets: subnets.iter().map(asked).collect(),
                enable_ipv6,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn with(networks: &[pb::Network]) -> State {
        let mut state = State::default();
        let actions = networks.iter().cloned().map(Action::put).collect();
        apply(&mut state, Transaction { actions }, 0, 1).unwrap();
        state
    }

    fn told(state: &State, network: &pb::Network) -> Result<Vec<(String, String)>, SubnetError> {
        let subnets = settle(state, network)?;
        Ok(subnets.into_iter().map(|subnet| (subnet.subnet, subnet.gateway)).collect())
    }

    #[test]
    fn what_nobody_asks_for_is_chosen_and_does_not_overlap() {
        let mut first = network("a", &[], false);
        let state = with(&[]);
        assert_eq!(told(&state, &first).unwrap(), [("10.0.0.0/24".to_owned(), "10.0.0.1".to_owned())]);
        first.subnets = settle(&state, &first).unwrap();
        // Of another that is not settled yet its wish counts.
        let state = with(&[first, network("b", &["10.0.1.7/24"], false)]);
        let both = told(&state, &network("c", &[], true)).unwrap();
        assert_eq!(both[0], ("10.0.2.0/24".to_owned(), "10.0.2.1".to_owned()));
        assert!(both[1].0.starts_with("fd") && both[1].0.ends_with("/64"), "{both:?}");
    }

    #[test]
    fn what_is_asked_for_is_kept_or_refused() {
        let state = with(&[network("a", &["10.9.0.0/16"], false)]);
        let mut asked = network("b", &["10.8.0.5/24"], false);
        let subnet = &mut asked.spec.as_mut().unwrap().subnets[0];
        subnet.gateway = "10.8.0.254".to_owned();
        assert_eq!(told(&state, &asked).unwrap(), [("10.8.0.0/24".to_owned(), "10.8.0.254".to_owned())]);
        asked.spec.as_mut().unwrap().subnets[0].gateway = "10.7.0.1".to_owned();
        assert!(told(&state, &asked).unwrap_err().to_string().contains("gateway"));
        for (subnets, word) in [
            (&["10.9.3.0/24"][..], "overlaps with network a-name"),
            (&["x"], "invalid subnet"),
            (&["fd00::/64"], "IPv6 has not been enabled"),
            (&["10.1.0.0/24", "10.2.0.0/24"], "one subnet of each family"),
        ] {
            let refused = told(&state, &network("b", subnets, false)).unwrap_err().to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn a_pool_that_is_used_up_is_said_to_be() {
        let overlay = pb::OverlaySettings {
            address_pools: vec!["10.0.0.0/24".into()],
            subnet_size: 24,
            data_path_port: 0,
        };
        let spec = pb::ClusterSpec { overlay: Some(overlay), ..Default::default() };
        let cluster = pb::Cluster { id: "c".into(), spec: Some(spec), ..Default::default() };
        let mut state = with(&[network("a", &["10.0.0.0/24"], false)]);
        apply(&mut state, Transaction::one(Action::put(cluster)), 0, 2).unwrap();
        assert_eq!(told(&state, &network("b", &[], false)), Err(SubnetError::Exhausted));
    }
}
