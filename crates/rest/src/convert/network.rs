//! Networks of this machine → what the API tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Record;
use engine_api::Timestamp;
use engine_api::network::{EndpointResource, Ipam, IpamConfig, Network};
use network::NetworkInfo;

use crate::http::version::Version;

/// Since this version IPv4 can be told apart.
const IPV4_SINCE: u16 = 47;

/// A network; `records` are the containers whose places on it are told, none in a list.
pub(crate) fn network(info: &NetworkInfo, records: &[Arc<Record>], version: Version) -> Network {
    let subnet = info.subnet.as_ref().map(|subnet| IpamConfig {
        subnet: subnet.to_string(),
        ip_range: info.ip_range.as_ref().map(ToString::to_string).unwrap_or_default(),
        gateway: info.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
    });
    Network {
        name: info.name.clone(),
        id: info.id.clone(),
        created: Timestamp::NEVER,
        scope: info.scope.to_owned(),
        driver: info.driver.to_owned(),
        enable_ipv4: version.since(IPV4_SINCE).then_some(true),
        ipam: Ipam { driver: "default".to_owned(), options: None, config: subnet.into_iter().collect() },
        containers: containers(info, records),
        options: options(info),
        ..Network::default()
    }
}

fn containers(info: &NetworkInfo, records: &[Arc<Record>]) -> BTreeMap<String, EndpointResource> {
    let places =
        records.iter().flat_map(|record| record.endpoints.iter().map(move |endpoint| (record, endpoint)));
    places
        .filter(|(_, endpoint)| endpoint.network_id == info.id)
        .map(|(record, endpoint)| {
            let place = EndpointResource {
                name: record.name.clone(),
                endpoint_id: endpoint.endpoint_id.clone(),
                mac_address: endpoint.mac.to_string(),
                ipv4_address: format!("{}/{}", endpoint.ip, endpoint.prefix_len),
                ipv6_address: String::new(),
            };
            (record.id.clone(), place)
        })
        .collect()
}

fn options(info: &NetworkInfo) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    if let Some(interface) = &info.interface {
        options.insert("com.docker.network.bridge.default_bridge".to_owned(), "true".to_owned());
        options.insert("com.docker.network.bridge.name".to_owned(), interface.clone());
    }
    if let Some(mtu) = info.mtu {
        options.insert("com.docker.network.driver.mtu".to_owned(), mtu.to_string());
    }
    options
}
