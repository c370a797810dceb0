//! Which namespaces a container has of its own, and which it shares.

use super::invalid::Invalid;
use super::text::serde_as_text;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// `HostConfig.NetworkMode`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NetworkMode {
    /// `default` or empty: the default bridge.
    #[default]
    Default,
    /// `bridge`
    Bridge,
    /// `host`
    Host,
    /// `none`
    None,
    /// `container:NAME`
    Container(String),
    /// Any other network, by name or id.
    Named(String),
}

/// `HostConfig.IpcMode`, `PidMode`, `UTSMode` and `CgroupnsMode`; not every variant is allowed in each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NamespaceMode {
    /// Empty: what the daemon is configured to do.
    #[default]
    Default,
    /// `none` (only of ipc: private and without /dev/shm)
    None,
    /// `private`
    Private,
    /// `shareable` (only of ipc)
    Shareable,
    /// `host`
    Host,
    /// `container:NAME` (of ipc and pid)
    Container(String),
}

impl NetworkMode {
    /// The name of the network of this mode, as inspect lists it; `None` for another container's.
    pub fn network(&self) -> Option<&str> {
        match self {
            NetworkMode::Default | NetworkMode::Bridge => Some("bridge"),
            NetworkMode::Host => Some("host"),
            NetworkMode::None => Some("none"),
            NetworkMode::Container(_) => None,
            NetworkMode::Named(name) => Some(name),
        }
    }
}

impl FromStr for NetworkMode {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "" | "default" => NetworkMode::Default,
            "bridge" => NetworkMode::Bridge,
            "host" => NetworkMode::Host,
            "none" => NetworkMode::None,
            other => match other.strip_prefix("container:") {
                Some(name) => NetworkMode::Container(name.to_owned()),
                None => NetworkMode::Named(other.to_owned()),
            },
        })
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkMode::Default => f.write_str("default"),
            NetworkMode::Bridge => f.write_str("bridge"),
            NetworkMode::Host => f.write_str("host"),
            NetworkMode::None => f.write_str("none"),
            NetworkMode::Container(name) => write!(f, "container:{name}"),
            NetworkMode::Named(name) => f.write_str(name),
        }
    }
}

impl FromStr for NamespaceMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(match text {
            "" => NamespaceMode::Default,
            "none" => NamespaceMode::None,
            "private" => NamespaceMode::Private,
            "shareable" => NamespaceMode::Shareable,
            "host" => NamespaceMode::Host,
            other => match other.strip_prefix("container:") {
                Some(name) if !name.is_empty() => NamespaceMode::Container(name.to_owned()),
                _ => return Err(Invalid::NamespaceMode(other.to_owned())),
            },
        })
    }
}

impl fmt::Display for NamespaceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamespaceMode::Default => Ok(()),
            NamespaceMode::None => f.write_str("none"),
            NamespaceMode::Private => f.write_str("private"),
            NamespaceMode::Shareable => f.write_str("shareable"),
            NamespaceMode::Host => f.write_str("host"),
            NamespaceMode::Container(name) => write!(f, "container:{name}"),
        }
    }
}

serde_as_text!(NetworkMode);
serde_as_text!(NamespaceMode);
