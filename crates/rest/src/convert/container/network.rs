//! What the engine knows of a container's networks and ports → what the API tells.

use std::collections::BTreeMap;
use std::net::IpAddr;

use engine::Record;
use engine::spec::EndpointSpec;
use engine_api::container::{PortBinding, PortMap, PortSummary};
use engine_api::network::{EndpointIpamConfig, EndpointSettings, NetworkSettings};
use network::{Endpoint, is_built_in};

use crate::http::version::Version;

/// Until this version the first network's settings also stood at the top level.
const FLAT_UNTIL: u16 = 52;
/// Until this version the beginning of the container's id stood among its aliases.
const ALIASES_SINCE: u16 = 45;
const BRIDGE: &str = "bridge";

/// For inspect.
pub(super) fn settings(record: &Record, version: Version) -> NetworkSettings {
    let running = record.state.pid != 0;
    let mut told = NetworkSettings {
        sandbox_id: if running { record.id.clone() } else { String::new() },
        sandbox_key: if running { format!("/proc/{}/ns/net", record.state.pid) } else { String::new() },
        ports: ports(record),
        networks: endpoints(record, version),
        ..NetworkSettings::default()
    };
    if !version.since(FLAT_UNTIL) {
        let first = told.networks.get(BRIDGE).cloned().unwrap_or_default();
        told.bridge = Some(String::new());
        told.endpoint_id = Some(first.endpoint_id);
        told.gateway = Some(first.gateway);
        told.ip_address = Some(first.ip_address);
        told.ip_prefix_len = Some(first.ip_prefix_len);
        told.mac_address = Some(first.mac_address);
        told.ipv6_gateway = Some(first.ipv6_gateway);
        told.global_ipv6_address = Some(first.global_ipv6_address);
        told.global_ipv6_prefix_len = Some(first.global_ipv6_prefix_len);
    }
    told
}

/// By name: those the container is on, or while it does not run, those it will be on.
pub(super) fn endpoints(record: &Record, version: Version) -> BTreeMap<String, EndpointSettings> {
    let told = |(name, wanted): (&String, &EndpointSpec)| {
        let endpoint = record.endpoints.iter().find(|endpoint| endpoint.network_name == *name);
        let mut told = wished(wanted);
        if let Some(endpoint) = endpoint {
            given(&mut told, endpoint);
        } else if record.state.pid != 0 {
            // On the host's network, or on none: a place without addresses.
            told.endpoint_id.clone_from(&record.id);
        }
        if !version.since(ALIASES_SINCE) && !is_built_in(name) {
            told.aliases.get_or_insert_default().push(record.short_id().to_owned());
        }
        (name.clone(), told)
    };
    record.spec.networks.iter().map(told).collect()
}

fn wished(wanted: &EndpointSpec) -> EndpointSettings {
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let addresses = EndpointIpamConfig {
        ipv4_address: wanted.ipv4_address.clone(),
        ipv6_address: wanted.ipv6_address.clone(),
        ..EndpointIpamConfig::default()
    };
    EndpointSettings {
        ipam_config: (addresses != EndpointIpamConfig::default()).then_some(addresses),
        links: some(&wanted.links),
        aliases: some(&wanted.aliases),
        mac_address: wanted.mac_address.clone(),
        driver_opts: (!wanted.driver_opts.is_empty()).then(|| wanted.driver_opts.clone()),
        gw_priority: wanted.gw_priority,
        network_id: wanted.network_id.clone(),
        ..EndpointSettings::default()
    }
}

/// What the network has given.
fn given(told: &mut EndpointSettings, endpoint: &Endpoint) {
    told.mac_address = endpoint.mac.to_string();
    told.network_id.clone_from(&endpoint.network_id);
    told.endpoint_id.clone_from(&endpoint.endpoint_id);
    told.dns_names = (!endpoint.dns_names.is_empty()).then(|| endpoint.dns_names.clone());
    if let Some(place) = endpoint.ipv4 {
        told.gateway = place.gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
        told.ip_address = place.address.to_string();
        told.ip_prefix_len = place.prefix_len;
    }
    if let Some(place) = endpoint.ipv6 {
        told.ipv6_gateway = place.gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
        told.global_ipv6_address = place.address.to_string();
        told.global_ipv6_prefix_len = place.prefix_len;
    }
}

/// Ports with their places on the host; those that are only exposed have none. Nothing while it does not run.
fn ports(record: &Record) -> PortMap {
    let mut told = PortMap::new();
    if record.endpoints.is_empty() {
        return told;
    }
    for port in &record.spec.config.exposed_ports {
        told.insert(port.to_string(), None);
    }
    for bound in record.endpoints.iter().flat_map(|endpoint| &endpoint.ports) {
        let key = format!("{}/{}", bound.container_port, bound.protocol);
        // On a routed network nothing of the host leads there.
        if bound.host_port == 0 {
            told.entry(key).or_default();
            continue;
        }
        let place =
            PortBinding { host_ip: bound.host_ip.to_string(), host_port: bound.host_port.to_string() };
        told.entry(key).or_default().get_or_insert_default().push(place);
    }
    told
}

/// For lists.
pub(super) fn port_summaries(record: &Record) -> Vec<PortSummary> {
    if record.endpoints.is_empty() {
        return Vec::new();
    }
    let all = record.endpoints.iter().flat_map(|endpoint| &endpoint.ports);
    let bound = || all.clone().filter(|bound| bound.host_port != 0);
    let mut told: Vec<PortSummary> = bound()
        .map(|bound| PortSummary {
            ip: Some(bound.host_ip.to_string()),
            private_port: bound.container_port,
            public_port: Some(bound.host_port),
            kind: bound.protocol.to_string(),
        })
        .collect();
    for port in &record.spec.config.exposed_ports {
        let kind = port.protocol.to_string();
        if !bound().any(|bound| bound.container_port == port.number && bound.protocol.to_string() == kind) {
            told.push(PortSummary { private_port: port.number, kind, ..PortSummary::default() });
        }
    }
    // As clients print them: by port, IPv4 before IPv6.
    told.sort_by_key(|port| {
        (port.private_port, port.kind.clone(), port.public_port, is_v6(port.ip.as_deref()))
    });
    told
}

fn is_v6(ip: Option<&str>) -> bool {
    ip.and_then(|ip| ip.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_ipv6())
}
