//! The messages, as JSON behind a length.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::Protocol;
use crate::dns::{Asker, Named, NamedKey};

/// The socket's name in the daemon's exec root.
pub const SOCKET_NAME: &str = "net.sock";

/// Which port of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HoldKey {
    /// Its transport.
    pub protocol: Protocol,
    /// The host's address, or an unspecified one for all of its family.
    pub host_ip: IpAddr,
    /// The host's port, never zero.
    pub host_port: u16,
}

impl HoldKey {
    /// Address and port together.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host_ip, self.host_port)
    }
}

/// A port to be held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The port.
    #[serde(flatten)]
    pub key: HoldKey,
    /// Whom it is for: a container's id, or the ingress.
    pub owner: String,
    /// Whether to serve what arrives here in spite of all rules (IPv6, rules flushed by hand, no rules at all) by a
    /// proxy. If not, the port is bound and nothing more.
    pub proxy: bool,
    /// Where the proxy leads, in turn.
    pub backends: Vec<(IpAddr, u16)>,
}

/// What the daemon asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Hold all of these, or none. A port held for the same owner takes the new backends.
    Hold(Vec<Hold>),
    /// Let go of these; unknown ones are no error.
    Release(Vec<HoldKey>),
    /// Tell all that is held.
    List,
    /// Know these containers by these names, instead of those they had in the same network.
    Name(Vec<Named>),
    /// Forget these names; unknown ones are no error.
    Unname(Vec<NamedKey>),
    /// Answer this container's questions. With the request come a bound datagram socket, a listening socket and the
    /// network namespace they lie in; or nothing, if the container asks already and only its configuration changes.
    Admit(Asker),
    /// Answer these containers no more, and close what they asked at; unknown ones are no error.
    Dismiss(Vec<String>),
    /// Tell all names, and who asks.
    Names,
    /// Let go of everything and end.
    Stop,
}

/// What `shoal-net` answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// Nothing of the request is held, because of this port.
    Refused {
        /// The port.
        key: HoldKey,
        /// Why.
        refusal: Refusal,
    },
    /// Everything that is held.
    Holds(Vec<Hold>),
    /// All names, and who asks.
    Names {
        /// The names.
        named: Vec<Named>,
        /// Who asks.
        askers: Vec<Asker>,
    },
    /// This container asks at no socket: the request must come with some.
    Unknown,
    /// The request makes no sense.
    Invalid(String),
}

/// Why a port could not be held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It is held here for another owner.
    Held,
    /// Another program has it.
    InUse,
    /// The machine has no such address, or no such family of addresses.
    NoSuchAddress,
    /// The kernel's words.
    Other(String),
}
