//! What a network is made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The scope of what this machine has for itself.
pub const LOCAL_SCOPE: &str = "local";
/// The scope of what all machines of a swarm have in common.
pub const SWARM_SCOPE: &str = "swarm";

/// The kinds of networks, by Docker's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A bridge of this machine, with a pair of interfaces per container.
    Bridge,
    /// This machine's own network namespace.
    Host,
    /// A loopback interface and nothing else.
    Null,
    /// An interface beside the parent's, with a hardware address of its own.
    Macvlan,
    /// An interface that shares the parent's hardware address.
    Ipvlan,
    /// A network of a swarm, as it is on this machine: a bridge. Nobody asks for one by its name; the swarm makes it
    /// where tasks need it.
    Overlay,
}

impl Driver {
    /// Docker's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Driver::Bridge => "bridge",
            Driver::Host => "host",
            Driver::Null => "null",
            Driver::Macvlan => "macvlan",
            Driver::Ipvlan => "ipvlan",
            Driver::Overlay => "overlay",
        }
    }

    /// Which machines a network of this kind reaches: `local` or `swarm`.
    pub fn scope(self) -> &'static str {
        if self == Driver::Overlay { SWARM_SCOPE } else { LOCAL_SCOPE }
    }

    /// Whether it is a bridge of this machine.
    pub(crate) fn is_bridge(self) -> bool {
        matches!(self, Driver::Bridge | Driver::Overlay)
    }

    /// Whether containers get an interface and addresses of their own.
    pub fn has_addresses(self) -> bool {
        !matches!(self, Driver::Host | Driver::Null)
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Driver {
    type Err = Error;

    /// The empty text is Docker's default, the bridge.
    fn from_str(text: &str) -> Result<Driver, Error> {
        match text {
            "" | "bridge" => Ok(Driver::Bridge),
            "host" => Ok(Driver::Host),
            "null" => Ok(Driver::Null),
            "macvlan" => Ok(Driver::Macvlan),
            "ipvlan" => Ok(Driver::Ipvlan),
            "overlay" => Ok(Driver::Overlay),
            other => Err(Error::NoSuchDriver(other.to_owned())),
        }
    }
}
