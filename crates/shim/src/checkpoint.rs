//! Checkpoints, as the engine and the shim speak of them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A running container is to be frozen into files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointSpec {
    /// A directory that exists: here the files are written.
    pub draft: PathBuf,
    /// What it is renamed to when all is written, on the same file system; nothing is there.
    pub dir: PathBuf,
    /// The container goes on; else it is killed once all is written.
    pub leave_running: bool,
}
