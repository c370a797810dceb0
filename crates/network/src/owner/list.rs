//! Telling about the networks.

use std::collections::BTreeMap;

use super::Owner;
use crate::network_name::{BRIDGE, HOST, NONE, plain_network};
use crate::{Driver, Error, NetworkRecord, Result, Subnet};

impl Owner {
    /// All networks, the bridge first.
    pub(super) fn networks(&self) -> Vec<NetworkRecord> {
        let daemon = &self.config.name;
        let bridge = self.network.as_ref().map(|network| {
            let (subnet, range) = (network.addresses.subnet(), network.addresses.range());
            let option = |name: &str, value: &str| (format!("com.docker.network.{name}"), value.to_owned());
            NetworkRecord {
                subnets: vec![Subnet {
                    subnet,
                    ip_range: (range != subnet).then_some(range),
                    gateway: Some(network.bridge.address.address()),
                    aux_addresses: BTreeMap::new(),
                }],
                options: BTreeMap::from([
                    option("bridge.default_bridge", "true"),
                    option("bridge.name", &network.bridge.name),
                    option("driver.mtu", &network.bridge.mtu.to_string()),
                ]),
                interface: network.bridge.name.clone(),
                mtu: network.bridge.mtu,
                ..plain_network(daemon, BRIDGE, Driver::Bridge)
            }
        });
        let plain = [plain_network(daemon, HOST, Driver::Host), plain_network(daemon, NONE, Driver::Null)];
        bridge.into_iter().chain(plain).collect()
    }

    /// By whole id, then by name, then by the beginning of an id, as Docker looks it up.
    pub(super) fn find(&self, reference: &str) -> Result<NetworkRecord> {
        let networks = self.networks();
        let whole = networks.iter().find(|network| network.id == reference);
        if let Some(network) = whole.or_else(|| networks.iter().find(|network| network.name == reference)) {
            return Ok(network.clone());
        }
        let begin: Vec<_> = networks.iter().filter(|network| network.id.starts_with(reference)).collect();
        match begin.as_slice() {
            [network] if !reference.is_empty() => Ok((*network).clone()),
            [] | [_] => Err(Error::NoSuchNetwork(reference.to_owned())),
            several => Err(Error::Ambiguous {
                reference: reference.to_owned(),
                count: several.len(),
                by: "ID prefix",
            }),
        }
    }
}
