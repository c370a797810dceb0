//! What happens on this node, as Docker's event stream tells it.
//!
//! Every room may [`Events::publish`]; subscribers get a bounded history and then what comes. A subscriber that does not
//! keep up is cut off: its stream ends. Touches nothing but memory.

mod bus;

pub use bus::{Events, Subscription};

use std::collections::BTreeMap;
use std::fmt;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// To what kind of object.
    pub kind: EventKind,
    /// What: `create`, `start`, `die`, …
    pub action: String,
    /// To which object.
    pub actor: Actor,
    /// When, in nanoseconds since the epoch.
    pub time_ns: i64,
}

/// The object of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// Its id; for an image pulled or tagged, its reference.
    pub id: String,
    /// What else is told: name, image, labels, exit code.
    pub attributes: BTreeMap<String, String>,
}

/// Docker's `Type` of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `container`
    Container,
    /// `image`
    Image,
    /// `network`, of this machine.
    Network,
    /// `network`, of the swarm.
    SwarmNetwork,
    /// `volume`
    Volume,
    /// `daemon`
    Daemon,
    /// `service`
    Service,
    /// `node`
    Node,
    /// `secret`
    Secret,
    /// `config`
    Config,
    /// `plugin`
    Plugin,
    /// `builder`
    Builder,
}

impl EventKind {
    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Container => "container",
            EventKind::Image => "image",
            EventKind::Network | EventKind::SwarmNetwork => "network",
            EventKind::Volume => "volume",
            EventKind::Daemon => "daemon",
            EventKind::Service => "service",
            EventKind::Node => "node",
            EventKind::Secret => "secret",
            EventKind::Config => "config",
            EventKind::Plugin => "plugin",
            EventKind::Builder => "builder",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
