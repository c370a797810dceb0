//! An additional process in the container, as the engine and the shim speak of it.

use std::path::PathBuf;

use runtime::oci::Capabilities;
use serde::{Deserialize, Serialize};

use crate::ExitStatus;

/// The stream number of the last frame of a connection that carries an exec: its payload is the [`ExitStatus`] as JSON.
pub const EXIT_STREAM: u8 = 3;

/// What to run. Everything that is not said here is as it is for the container's own program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecSpec {
    /// Chosen by the engine, unique in the container.
    pub id: String,
    /// Program and arguments.
    pub args: Vec<String>,
    /// `KEY=value`, added to the container's environment or in place of what is there; `KEY` alone takes one away.
    pub env: Vec<String>,
    /// As Docker's `--user`.
    pub user: Option<String>,
    /// The working directory, absolute in the container.
    pub cwd: Option<PathBuf>,
    /// Bounding, effective and permitted capabilities in place of the container's.
    pub capabilities: Option<Capabilities>,
    /// A pseudo-terminal instead of three pipes.
    pub tty: bool,
    /// First size of the pseudo-terminal: rows, columns.
    pub console_size: Option<(u16, u16)>,
    /// What the client sends is standard input; else it is `/dev/null`.
    pub stdin: bool,
    /// Send standard output.
    pub stdout: bool,
    /// Send standard error.
    pub stderr: bool,
}

/// An exec as the shim sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecState {
    /// [`ExecSpec::id`].
    pub id: String,
    /// In the host's numbering.
    pub pid: i32,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
}
