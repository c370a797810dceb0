//! What the engine tells a shim beside the OCI configuration.

use std::path::PathBuf;

use runtime::Rootfs;
use serde::{Deserialize, Serialize};

use crate::HealthSpec;
use crate::log::LogSpec;

/// The version of [`ShimSpec`] and of the protocol that this code speaks.
pub const VERSION: u32 = 1;

/// The contents of `shim.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimSpec {
    /// [`VERSION`].
    pub version: u32,
    /// The container's id.
    pub id: String,
    /// The container's root.
    pub rootfs: Rootfs,
    /// `USER` as the image or the user wrote it; looked up in the container's own `passwd` and `group`.
    /// `None`: the numbers in the OCI configuration.
    #[serde(default)]
    pub user: Option<String>,
    /// Run the program under a built-in init.
    #[serde(default)]
    pub init: bool,
    /// The container's cgroup is a scope of systemd's; `linux.cgroupsPath` is `slice:prefix:name`.
    #[serde(default)]
    pub systemd_cgroup: bool,
    /// Another OCI runtime that makes the container in our place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<ForeignRuntime>,
    /// The directory of a checkpoint, from which the container's processes come in place of its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<PathBuf>,
    /// Where the container wants the files in memory whose file system is the shim's standard input; empty: there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<PathBuf>,
    /// A pseudo-terminal instead of three pipes.
    pub tty: bool,
    /// Standard input stays open for attachments; else it is `/dev/null`.
    pub open_stdin: bool,
    /// Standard input is closed when the first attachment that had it closes its side.
    pub stdin_once: bool,
    /// Where the output goes beside attachments.
    pub log: LogSpec,
    /// How health is probed; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthSpec>,
    /// First size of the pseudo-terminal: rows, columns.
    #[serde(default)]
    pub console_size: Option<(u16, u16)>,
}

/// An OCI runtime's command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignRuntime {
    /// The program, absolute.
    pub path: PathBuf,
    /// Its own options, before the verb.
    #[serde(default)]
    pub args: Vec<String>,
}
