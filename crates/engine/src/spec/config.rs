//! `Config`: what runs in the container.

use super::port::Port;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What runs in the container. What is empty is filled from the image by [`crate::merge`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The host name; empty means the first 12 digits of the id.
    pub hostname: String,
    /// The domain of the host name.
    pub domainname: String,
    /// `user[:group]`, names or numbers; empty means the image's.
    pub user: String,
    /// Whether the creating client means to attach (told back by inspect; nothing depends on it).
    pub attach_stdin: bool,
    /// See [`Config::attach_stdin`].
    pub attach_stdout: bool,
    /// See [`Config::attach_stdin`].
    pub attach_stderr: bool,
    /// Ports the container listens on.
    pub exposed_ports: BTreeSet<Port>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether standard input stays open.
    pub open_stdin: bool,
    /// Whether standard input ends with the first client that attached it.
    pub stdin_once: bool,
    /// `NAME=value`; a bare `NAME` removes the image's.
    pub env: Vec<String>,
    /// Arguments; `None` means the image's.
    pub cmd: Option<Vec<String>>,
    /// The program; `None` means the image's, one empty string means none.
    pub entrypoint: Option<Vec<String>>,
    /// Labels, the image's included once created.
    pub labels: BTreeMap<String, String>,
    /// The directory the process starts in.
    pub working_dir: String,
    /// The signal of stop, by name or number; `None` means the image's, else SIGTERM.
    pub stop_signal: Option<String>,
    /// Seconds from the stop signal to SIGKILL; `None` means 10, -1 for ever.
    pub stop_timeout: Option<i64>,
    /// Paths the image declares as volumes.
    pub volumes: BTreeSet<String>,
    /// The shell of the image, told back by inspect.
    pub shell: Option<Vec<String>>,
    /// Triggers of the image, told back by inspect.
    pub on_build: Option<Vec<String>>,
    /// How health is checked; what is left open is the image's.
    pub healthcheck: Option<image::Healthcheck>,
    /// Whether the container has no network at all.
    pub network_disabled: bool,
    /// The hardware address asked for.
    pub mac_address: String,
}
