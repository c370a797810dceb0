//! What front ends ask: services, tasks, nodes, secrets, configs, networks and the cluster, read and changed.
//!
//! Inputs are the rpcs of `control.proto`; each change is checked and becomes one transaction. Writes the specs of objects
//! and `Service.{previous_spec, removing}`, and clears `Service.update_status` when a new update begins; all else belongs to
//! the loops. Reads see every write acknowledged before.

mod cluster;
mod count;
mod credentials;
mod error;
mod file;
mod filter;
mod log;
mod network;
mod node;
mod quorum;
mod reference;
mod server;
mod service;
mod task;
mod version;

pub(crate) use error::ControlError;
pub(crate) use server::Control;
