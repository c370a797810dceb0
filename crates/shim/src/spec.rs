//! What the engine tells a shim beside the OCI configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::Rootfs;
use serde::{Deserialize, Serialize};

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
    /// A pseudo-terminal instead of three pipes.
    pub tty: bool,
    /// Standard input stays open for attachments; else it is `/dev/null`.
    pub open_stdin: bool,
    /// Standard input is closed when the first attachment that had it closes its side.
    pub stdin_once: bool,
    /// Where the output goes beside attachments.
    pub log: LogSpec,
    /// First size of the pseudo-terminal: rows, columns.
    #[serde(default)]
    pub console_size: Option<(u16, u16)>,
}

/// Where a container's output is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// How.
    pub driver: LogDriver,
    /// The current file; rotated ones are beside it with `.1`, `.2`, … appended, `.1` the newest.
    pub path: PathBuf,
    /// A file is rotated when it has reached this size. 0: never.
    pub max_size_bytes: u64,
    /// Files kept, the current one included. At least 1.
    pub max_files: u32,
    /// Added to every line, as Docker's `labels` and `env` options do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
}

/// A log driver that the shim writes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogDriver {
    /// Docker's format: a JSON object per line.
    #[serde(rename = "json-file")]
    JsonFile,
    /// Nothing is kept.
    #[serde(rename = "none")]
    None,
}

impl LogSpec {
    /// Size at which a file is rotated if nobody says otherwise. Docker keeps everything, and disks fill; this keeps some
    /// millions of lines, so that nobody misses what an unattended container said today.
    pub const DEFAULT_MAX_SIZE_BYTES: u64 = 100 * 1024 * 1024;
    /// Files kept if nobody says otherwise.
    pub const DEFAULT_MAX_FILES: u32 = 3;
}
