//! The networks that are always there.

use crate::NetworkInfo;
use crate::config::digest;

/// The default bridge.
pub(crate) const BRIDGE: &str = "bridge";
/// The host's own network namespace.
pub(crate) const HOST: &str = "host";
/// A namespace with a loopback interface only.
pub(crate) const NONE: &str = "none";

/// What is told about a network that has no addresses of its own.
pub(crate) fn plain_network(daemon: &str, name: &str, driver: &'static str) -> NetworkInfo {
    NetworkInfo {
        id: digest(&["network", daemon, name]),
        name: name.to_owned(),
        driver,
        scope: "local",
        subnet: None,
        ip_range: None,
        gateway: None,
        interface: None,
        mtu: None,
    }
}
