//! Where a container's root file system comes from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The root of a container, before it is mounted.
///
/// An overlay is mounted only inside the container's own mount namespace, so that no death of any process leaves
/// a mount behind on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rootfs {
    /// Layers of an image below a writable one.
    Overlay {
        /// Read-only layer directories, topmost first.
        lowers: Vec<PathBuf>,
        /// The writable layer.
        upper: PathBuf,
        /// Overlay's work directory, on the same file system as `upper`.
        work: PathBuf,
    },
    /// A plain directory, used as it is.
    Path(PathBuf),
}
