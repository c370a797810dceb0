//! The OCI runtime: turns a `config.json` and a root file system into a sandboxed process.
//!
//! Inputs: an [`oci::Spec`], a [`Rootfs`], open standard streams. Outputs: a [`Created`] container that waits
//! before its program, then runs it. The caller is a small single-threaded process (the shim, or the
//! `shoal-runtime` command): the container is a clone of it, and a clone of a large or threaded process would be
//! slow or unsound.
//!
//! - [`default`]: Docker's defaults as OCI types, for whoever writes a `config.json`
//! - [`exec()`]: an additional process in a running container
//! - [`create()`]: plan, cgroup, clone; [`Created`]: the gate in front of the program
//! - `init`: everything that happens inside the clone, in order
//! - [`cgroup`]: paths, limits, killing and removal on both cgroup versions
//! - [`checkpoint`]: processes into files and back, by criu
//! - [`memory_tree()`]: files that are on no disk
//! - [`view`]: a container's files without its processes
//! - `seccomp`: OCI rules to a short BPF tree; [`user`]: names to numbers; [`exe`]: our own binary, read-only
//!
//! What it may not touch: the mount table, the network and the processes of the host. All mounts live in the
//! container's private mount namespace and vanish with it; the only traces on the host are cgroups.

pub mod cgroup;
pub mod checkpoint;
mod create;
pub mod default;
mod dial;
mod error;
pub mod exe;
mod exec;
mod features;
mod gate;
pub mod hook;
mod init;
mod limit;
mod memory;
mod notify;
mod plan;
pub mod quota;
mod read;
mod rootfs;
mod schedule;
mod seccomp;
pub mod signal;
mod spawn;
mod sys;
pub mod sysctl;
pub mod user;
pub mod view;

/// The OCI types that this room reads.
pub mod oci {
    pub use oci_spec::runtime::*;
}

pub use create::{Console, CreateOptions, Created, Extra, Stdio, console_size, create, resize_console};
pub use dial::dial;
pub use error::{EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, Error, ErrorKind, Result};
pub use exec::{ExecOptions, Executed, Executing, Progress, exec};
pub use features::features;
pub use gate::{Gate, open_gate};
pub use init::init_of;
pub use memory::{Memory, MemoryFile, memory_tree};
pub use plan::{available_capabilities, group_names};
pub use read::read_spec;
pub use rootfs::Rootfs;

/// Annotation of the specification: names of further groups of the process, separated by commas, looked up in the
/// container's own group file.
pub const GROUPS_ANNOTATION: &str = "shoal.process.groups";

/// Annotation of the specification: with the value `true` the writable layer is never synced to disk, neither by
/// the container's programs nor when it ends (overlay's `volatile`). For containers that are started once and then
/// removed: after a crash of the machine such a layer cannot be mounted again.
pub const VOLATILE_ANNOTATION: &str = "shoal.overlay.volatile";
