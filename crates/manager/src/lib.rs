//! The managers' half of the swarm: desired state in a Raft log, and the loops that turn it into tasks on nodes.
//!
//! `control` and the loops propose transactions; `raft` commits them; `store` applies them and tells what changed. The
//! room has never heard of containers' processes, paths or images on disk: it meets the workers as messages of `swarm-api`.
#![forbid(unsafe_code)]

pub mod allocator;
mod announce;
mod backup;
mod bootstrap;
mod ca;

pub mod clock;
mod control;

pub mod dispatcher;
mod door;
mod error;
mod forward;
pub mod leader;
pub mod orchestrator;
pub mod reaper;
pub mod reconcile;
pub mod scheduler;
pub mod seal;
mod start;
pub mod store;

mod live;
mod lock;
mod log;
mod network;
mod node;
mod raft;
mod recover;
mod role;
mod subnet;
mod task;
mod term;

pub use backup::{Backup, MIN_PASSPHRASE_CHARS, RestoreConfig, restore};
pub use bootstrap::{BootstrapConfig, bootstrap, discard, open_keys, prepare};
pub use ca::AuthorityError;
pub use error::ManagerError;
pub use raft::ConsensusError;
pub use recover::{ForceConfig, force_new_cluster};
pub use start::{Manager, ManagerConfig, start};
