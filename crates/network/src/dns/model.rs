//! What the daemon tells `shoal-net` about names, and about who asks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One container's names in one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The network's id.
    pub network_id: String,
    /// The network's name, which qualifies the names.
    pub network_name: String,
    /// The container's id.
    pub container_id: String,
    /// The names: the container's own first, which is what its addresses are said to be called.
    pub names: Vec<String>,
    /// The addresses in this network, of either family.
    pub addresses: Vec<IpAddr>,
}

/// Which names are meant: a container has at most one set of them in a network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedKey {
    /// The network's id.
    pub network_id: String,
    /// The container's id.
    pub container_id: String,
}

impl Named {
    /// What it is known by.
    pub fn key(&self) -> NamedKey {
        NamedKey { network_id: self.network_id.clone(), container_id: self.container_id.clone() }
    }
}

/// A container that asks at 127.0.0.11.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// The container's id.
    pub container_id: String,
    /// Its networks, that of its way out first: the first that knows a name answers.
    pub networks: Vec<Joined>,
    /// Who is asked for names of the outside. None: nobody, as on internal networks.
    pub servers: Vec<IpAddr>,
    /// Whether they are asked from the machine's network; else from the container's own.
    pub from_host: bool,
    /// Its search domains.
    pub search: Vec<String>,
    /// Its options, as in resolv.conf: `timeout:` and `attempts:` are meant for us too.
    pub options: Vec<String>,
}

/// A network that a container is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The network's id.
    pub network_id: String,
    /// Names that only this container knows there, each with the id of the container it means.
    pub links: BTreeMap<String, String>,
}
