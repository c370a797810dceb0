//! Networks of this machine → what the API tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Record;
use engine_api::Timestamp;
use engine_api::network::{EndpointResource, Ipam, IpamConfig, Network};
use network::{NetworkRecord, SCOPE};

use crate::http::version::Version;

/// Since this version IPv4 can be told apart.
const IPV4_SINCE: u16 = 47;

/// A network; `records` are the containers whose places on it are told, none in a list.
pub(crate) fn network(info: &NetworkRecord, records: &[Arc<Record>], version: Version) -> Network {
    let subnets = info.subnets.iter().map(|subnet| IpamConfig {
        subnet: subnet.subnet.to_string(),
        ip_range: subnet.ip_range.as_ref().map(ToString::to_string).unwrap_or_default(),
        gateway: subnet.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
    });
    Network {
        name: info.name.clone(),
        id: info.id.clone(),
        created: Timestamp::NEVER,
        scope: SCOPE.to_owned(),
        driver: info.driver.to_string(),
        enable_ipv4: version.since(IPV4_SINCE).then_some(true),
        ipam: Ipam { driver: "default".to_owned(), options: None, config: subnets.collect() },
        containers: containers(info, records),
        options: info.options.clone(),
        ..Network::default()
    }
}

fn containers(info: &NetworkRecord, records: &[Arc<Record>]) -> BTreeMap<String, EndpointResource> {
    let places =
        records.iter().flat_map(|record| record.endpoints.iter().map(move |endpoint| (record, endpoint)));
    places
        .filter(|(_, endpoint)| endpoint.network_id == info.id)
        .map(|(record, endpoint)| {
            let place = EndpointResource {
                name: record.name.clone(),
                endpoint_id: endpoint.endpoint_id.clone(),
                mac_address: endpoint.mac.to_string(),
                ipv4_address: endpoint
                    .ipv4
                    .map(|place| format!("{}/{}", place.address, place.prefix_len))
                    .unwrap_or_default(),
                ipv6_address: String::new(),
            };
            (record.id.clone(), place)
        })
        .collect()
}
