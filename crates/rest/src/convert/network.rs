//! Networks of this machine → what the API tells, and what it asks of new ones.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use engine::Record;
use engine_api::Timestamp;
use engine_api::network::{
    EndpointResource, Ipam, IpamConfig, IpamStatus, Network, NetworkCreateRequest, NetworkStatus,
    SubnetStatus,
};
use network::{LOCAL_SCOPE, NetworkRecord, NetworkRequest, Subnet, SubnetRequest};

use crate::failure::Failure;
use crate::http::version::Version;

/// Since this version IPv4 can be told apart.
pub(super) const IPV4_SINCE: u16 = 47;
/// Since this version addresses in use are told, and lists have no containers.
pub(super) const STATUS_SINCE: u16 = 52;

/// What is asked of a new network.
pub(crate) fn request(asked: NetworkCreateRequest, version: Version) -> Result<NetworkRequest, Failure> {
    if !matches!(asked.scope.as_str(), "" | LOCAL_SCOPE) {
        return Err(Failure::missing(format!("the scope {} of networks", asked.scope)));
    }
    let ipam = asked.ipam.unwrap_or_default();
    Ok(NetworkRequest {
        id: None,
        name: asked.name,
        driver: asked.driver,
        enable_ipv4: asked.enable_ipv4.filter(|_| version.since(IPV4_SINCE)),
        enable_ipv6: asked.enable_ipv6,
        internal: asked.internal,
        attachable: asked.attachable,
        ipam_driver: ipam.driver,
        ipam_options: ipam.options.unwrap_or_default(),
        subnets: ipam.config.into_iter().map(subnet).collect::<Result<_, _>>()?,
        options: asked.options,
        labels: asked.labels,
    })
}

fn subnet(asked: IpamConfig) -> Result<SubnetRequest, Failure> {
    let address = |(name, text): (String, String)| match text.parse() {
        Ok(address) => Ok((name, address)),
        Err(_) => Err(Failure::invalid(format!(
            "invalid auxiliary address {name}={text}: an IP address is expected"
        ))),
    };
    Ok(SubnetRequest {
        subnet: asked.subnet,
        ip_range: asked.ip_range,
        gateway: asked.gateway,
        aux_addresses: asked.auxiliary_addresses.into_iter().map(address).collect::<Result<_, _>>()?,
    })
}

/// A network in a list.
pub(crate) fn summary(network: &NetworkRecord, version: Version) -> Network {
    let config = network.subnets.iter().map(|subnet| IpamConfig {
        subnet: subnet.subnet.to_string(),
        ip_range: subnet.ip_range.as_ref().map(ToString::to_string).unwrap_or_default(),
        gateway: subnet.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
        auxiliary_addresses: subnet
            .aux_addresses
            .iter()
            .map(|(name, address)| (name.clone(), address.to_string()))
            .collect(),
    });
    let options = &network.ipam_options;
    Network {
        name: network.name.clone(),
        id: network.id.clone(),
        created: Timestamp::from_ns_or_never(network.created_ns),
        scope: network.driver.scope().to_owned(),
        driver: network.driver.to_string(),
        enable_ipv4: version.since(IPV4_SINCE).then_some(network.enable_ipv4),
        enable_ipv6: network.enable_ipv6,
        internal: network.internal,
        attachable: network.attachable,
        ipam: Ipam {
            driver: network.ipam_driver.clone(),
            // Of networks that somebody made Docker tells an empty object, of others nothing.
            options: (!network.predefined || !options.is_empty()).then(|| options.clone()),
            config: config.collect(),
        },
        containers: (!version.since(STATUS_SINCE)).then(BTreeMap::new),
        options: network.options.clone(),
        labels: network.labels.clone(),
        ..Network::default()
    }
}

/// A network by itself; `users` are the containers that run on it.
pub(crate) fn inspect(network: &NetworkRecord, users: &[Arc<Record>], version: Version) -> Network {
    let status = NetworkStatus { ipam: IpamStatus { subnets: subnets(network, users) } };
    Network {
        containers: Some(users.iter().map(|user| (user.id.clone(), place(network, user))).collect()),
        status: version.since(STATUS_SINCE).then_some(status),
        ..summary(network, version)
    }
}

/// A container's place; one without an address, as on the host's network, has no more than a name.
fn place(network: &NetworkRecord, user: &Record) -> EndpointResource {
    let endpoint = user.endpoints.iter().find(|endpoint| endpoint.network_id == network.id);
    let Some(endpoint) = endpoint else {
        return EndpointResource {
            name: user.name.clone(),
            endpoint_id: user.id.clone(),
            ..EndpointResource::default()
        };
    };
    let v4 = endpoint.ipv4.map(|place| format!("{}/{}", place.address, place.prefix_len));
    let v6 = endpoint.ipv6.map(|place| format!("{}/{}", place.address, place.prefix_len));
    EndpointResource {
        name: user.name.clone(),
        endpoint_id: endpoint.endpoint_id.clone(),
        mac_address: endpoint.mac.to_string(),
        ipv4_address: v4.unwrap_or_default(),
        ipv6_address: v6.unwrap_or_default(),
    }
}

fn subnets(network: &NetworkRecord, users: &[Arc<Record>]) -> BTreeMap<String, SubnetStatus> {
    let endpoints = users.iter().flat_map(|user| &user.endpoints);
    let given: Vec<IpAddr> = endpoints
        .filter(|endpoint| endpoint.network_id == network.id)
        .flat_map(|endpoint| endpoint.addresses())
        .collect();
    network.subnets.iter().map(|subnet| (subnet.subnet.to_string(), status(subnet, &given))).collect()
}

/// Addresses that are given, the gateway's and others', and those that nobody may have.
fn status(subnet: &Subnet, given: &[IpAddr]) -> SubnetStatus {
    let block = subnet.subnet;
    let range = subnet.ip_range.unwrap_or(block);
    let nobodys = [block.first(), block.last()].into_iter().filter(|address| !block.is_host(*address));
    let others = subnet.gateway.into_iter().chain(subnet.aux_addresses.values().copied());
    let used: HashSet<IpAddr> = given
        .iter()
        .copied()
        .filter(|address| block.contains(*address))
        .chain(nobodys)
        .chain(others)
        .collect();
    let in_range = used.iter().filter(|address| range.contains(**address)).count();
    let number = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
    SubnetStatus {
        ips_in_use: used.len() as u64,
        dynamic_ips_available: number(range.len().saturating_sub(in_range as u128)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(block: &str, range: Option<&str>, gateway: &str) -> Subnet {
        Subnet {
            subnet: block.parse().unwrap(),
            ip_range: range.map(|range| range.parse().unwrap()),
            gateway: gateway.parse().ok(),
            aux_addresses: BTreeMap::new(),
        }
    }

    #[test]
    fn addresses_in_use_are_counted_as_docker_counts_them() {
        let told = |subnet: &Subnet, given: &[&str]| {
            let given: Vec<IpAddr> = given.iter().map(|text| text.parse().unwrap()).collect();
            let told = status(subnet, &given);
            (told.ips_in_use, told.dynamic_ips_available)
        };
        assert_eq!(told(&subnet("172.16.0.0/16", None, "172.16.0.1"), &[]), (3, 65533));
        assert_eq!(
            told(&subnet("10.0.0.0/24", Some("10.0.0.128/25"), "10.0.0.1"), &["10.0.0.200"]),
            (4, 126)
        );
        // Every address but the network's own may be had in IPv6.
        assert_eq!(told(&subnet("fd00::/120", None, "fd00::1"), &["fd00::2"]), (3, 253));
        assert_eq!(told(&subnet("fd00::/16", None, "fd00::1"), &["10.0.0.1"]), (2, u64::MAX));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let asked = NetworkCreateRequest { scope: "galaxy".into(), ..NetworkCreateRequest::default() };
        assert_eq!(request(asked, Version::NEWEST).unwrap_err().status.as_u16(), 501);
        let config = IpamConfig {
            auxiliary_addresses: BTreeMap::from([("a".to_owned(), "x".to_owned())]),
            ..IpamConfig::default()
        };
        let ipam = Some(Ipam { config: vec![config], ..Ipam::default() });
        let asked = NetworkCreateRequest { ipam, ..NetworkCreateRequest::default() };
        assert_eq!(request(asked, Version::NEWEST).unwrap_err().status.as_u16(), 400);
    }
}
