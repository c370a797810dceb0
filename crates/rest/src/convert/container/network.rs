//! What the engine knows of a container's networks and ports → what the API tells.

use std::collections::BTreeMap;
use std::net::IpAddr;

use engine::Record;
use engine_api::container::{PortBinding, PortMap, PortSummary};
use engine_api::network::{EndpointIpamConfig, EndpointSettings, NetworkSettings};
use network::Endpoint;

use crate::http::version::Version;

/// Until this version the first network's settings also stood at the top level.
const FLAT_UNTIL: u16 = 52;
const BRIDGE: &str = "bridge";

/// For inspect.
pub(super) fn settings(record: &Record, version: Version) -> NetworkSettings {
    let running = record.state.pid != 0;
    let mut told = NetworkSettings {
        sandbox_id: if running { record.id.clone() } else { String::new() },
        sandbox_key: if running { format!("/proc/{}/ns/net", record.state.pid) } else { String::new() },
        ports: ports(record),
        networks: endpoints(record),
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
    }
    told
}

/// By name: those the container is on, or while it does not run, those it will be on.
pub(super) fn endpoints(record: &Record) -> BTreeMap<String, EndpointSettings> {
    let mut told: BTreeMap<_, _> =
        record.endpoints.iter().map(|e| (e.network_name.clone(), endpoint(e, record))).collect();
    if told.is_empty()
        && let Some(name) = record.spec.host.network_mode.network()
    {
        told.insert(name.to_owned(), wished(record, name));
    }
    told
}

fn wished(record: &Record, network: &str) -> EndpointSettings {
    let Some(wish) = record.spec.networks.get(network) else { return EndpointSettings::default() };
    let ipam =
        EndpointIpamConfig { ipv4_address: wish.ipv4_address.clone(), ..EndpointIpamConfig::default() };
    EndpointSettings {
        ipam_config: (!wish.ipv4_address.is_empty()).then_some(ipam),
        aliases: (!wish.aliases.is_empty()).then(|| wish.aliases.clone()),
        mac_address: wish.mac_address.clone(),
        ..EndpointSettings::default()
    }
}

fn endpoint(endpoint: &Endpoint, record: &Record) -> EndpointSettings {
    let place = endpoint.ipv4;
    EndpointSettings {
        mac_address: endpoint.mac.to_string(),
        network_id: endpoint.network_id.clone(),
        endpoint_id: endpoint.endpoint_id.clone(),
        gateway: place.and_then(|place| place.gateway).map(|ip| ip.to_string()).unwrap_or_default(),
        ip_address: place.map(|place| place.address.to_string()).unwrap_or_default(),
        ip_prefix_len: place.map_or(0, |place| place.prefix_len),
        ..wished(record, &endpoint.network_name)
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
    let bound = || record.endpoints.iter().flat_map(|endpoint| &endpoint.ports);
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
