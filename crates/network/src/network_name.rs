//! The networks that are always there.

use std::collections::BTreeMap;

use crate::config::digest;
use crate::{Driver, NetworkRecord};

/// The default bridge.
pub(crate) const BRIDGE: &str = "bridge";
/// The host's own network namespace.
pub(crate) const HOST: &str = "host";
/// A namespace with a loopback interface only.
pub(crate) const NONE: &str = "none";

/// Whether every machine has a network of this name, without anybody having made it.
#[must_use]
pub fn is_built_in(name: &str) -> bool {
    matches!(name, BRIDGE | HOST | NONE)
}

/// The record of a network that is always there and has no addresses of its own.
pub(crate) fn plain_network(daemon: &str, name: &str, driver: Driver) -> NetworkRecord {
    NetworkRecord {
        id: digest(&["network", daemon, name]),
        name: name.to_owned(),
        driver,
        created_ns: 0,
        enable_ipv4: true,
        enable_ipv6: false,
        internal: false,
        attachable: false,
        predefined: true,
        user_subnets: false,
        ipam_driver: "default".to_owned(),
        ipam_options: BTreeMap::new(),
        subnets: Vec::new(),
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
        interface: String::new(),
        mtu: 0,
    }
}
