//! Checkpoints: the processes of a container frozen into files, and brought back, by the program criu.
//!
//! Inputs: a running container's first process, or the files of one; the specification that the container has here.
//! Outputs: files; or a process tree that goes on where it stopped. The caller is the small single-threaded process that is
//! the container's parent (the shim), before and after.
//!
//! - [`Dump`]: memory, registers, open files and namespaces become files · [`Restoring`]: the way back, with the network first
//! - [`check`]: what cannot be frozen, told before anything is touched · `trust`: whose files are believed
//! - `mounts`: where the container's mounts from outside are · `arguments`: criu's command line, pure
//!
//! Only the state of processes comes from the files: where a bind mount leads, the cgroup, the network namespace and the
//! root are those of the specification. May not touch: the mount table of the host.

mod arguments;
mod criu;
mod descriptors;
mod dump;
mod holder;
mod mounts;
mod refuse;
mod restore;
mod trust;

use std::path::PathBuf;

pub use criu::reason;
pub use descriptors::Descriptors;
pub use dump::{DUMP_LOG, Dump};
pub use refuse::check;
pub use restore::{RestoreOptions, Restoring};
pub use trust::trusted;

/// criu's own files, in the directory of a checkpoint.
const IMAGES_DIR: &str = "images";

/// A mount whose contents are not the container's but come from outside: a bind, or the cgroup's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
struct External {
    /// Where the specification wants it; its name in criu's files.
    destination: PathBuf,
    /// When freezing: where it is, links followed. When restoring: what is mounted there.
    at: PathBuf,
}
