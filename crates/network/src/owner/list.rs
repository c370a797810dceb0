//! Telling about the networks.

use super::Owner;
use crate::NetworkInfo;
use crate::network_name::{BRIDGE, HOST, NONE, plain_network};

impl Owner {
    /// All networks, the bridge first.
    pub(super) fn networks(&self) -> Vec<NetworkInfo> {
        let daemon = &self.config.name;
        let bridge = self.network.as_ref().map(|network| {
            let (subnet, range) = (network.addresses.subnet(), network.addresses.range());
            NetworkInfo {
                subnet: Some(subnet),
                ip_range: (range != subnet).then_some(range),
                gateway: Some(network.bridge.address.address()),
                interface: Some(network.bridge.name.clone()),
                mtu: Some(network.bridge.mtu),
                ..plain_network(daemon, BRIDGE, "bridge")
            }
        });
        let plain = [plain_network(daemon, HOST, "host"), plain_network(daemon, NONE, "null")];
        bridge.into_iter().chain(plain).collect()
    }
}
