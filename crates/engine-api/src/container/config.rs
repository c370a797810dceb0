//! The part of a container that does not depend on the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Healthcheck, HostConfig};
use crate::network::NetworkingConfig;
use crate::unread::Ignored;

/// The empty object that stands behind a port or a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// The part of a container that does not depend on the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// Host name; empty: the short id.
    pub hostname: String,
    /// Domain name.
    pub domainname: String,
    /// `user[:group]`, names or numbers; empty: the image's.
    pub user: String,
    /// Told again by inspect; the client decides what it attaches.
    pub attach_stdin: bool,
    /// The same.
    pub attach_stdout: bool,
    /// The same.
    pub attach_stderr: bool,
    /// `port[/protocol]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// A terminal.
    pub tty: bool,
    /// Keep standard input open without a client.
    pub open_stdin: bool,
    /// Close standard input after the first client.
    pub stdin_once: bool,
    /// `NAME=value`, or `NAME` to unset.
    pub env: Vec<String>,
    /// The command, or the entry point's arguments.
    #[serde(deserialize_with = "super::words::words")]
    pub cmd: Option<Vec<String>>,
    /// How health is checked; absent: as the image says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Only Windows images have it.
    #[serde(skip_serializing)]
    pub args_escaped: Ignored,
    /// Reference of the image.
    pub image: String,
    /// Paths that get a volume of the container's own.
    pub volumes: Option<BTreeMap<String, Empty>>,
    /// Working directory; empty: the image's.
    pub working_dir: String,
    /// The entry point; `[""]` resets the image's.
    #[serde(deserialize_with = "super::words::words")]
    pub entrypoint: Option<Vec<String>>,
    /// No network at all.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub network_disabled: bool,
    /// Triggers of images that are built on one of this container.
    pub on_build: Option<Vec<String>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that stop sends; empty: the image's, else SIGTERM.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Seconds that stop waits before SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// What runs a health check that is one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Wanted link address; it moved to the endpoint of the network with 1.44.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    /// Only in the body of a create: what belongs to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_config: Option<HostConfig>,
    /// Only in the body of a create: the networks to attach to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networking_config: Option<NetworkingConfig>,
}
