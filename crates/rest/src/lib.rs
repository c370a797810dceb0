//! The HTTP server: the Docker Engine API over the engine's handles and the managers' control service.
//!
//! Inputs: connections, an [`Api`] of handles, a [`Node`] that knows the swarm. Outputs: answers, streams, hijacked connections.
//! May not touch: containers, images or replicated objects other than through those handles; it keeps no state of its own.
//!
//! The only server of HTTP in the project, and the only place where JSON becomes a proto or an engine's spec and back:
//! - `http`: connections, versions, bodies, answers, the table of routes · `route`: one module per area of the API
//! - `convert`: models ↔ protos and the engine's values · `filter`: what a list shows · `failure`: errors → status, once
#![forbid(unsafe_code)]

mod api;
mod convert;
mod failure;
mod filter;
mod http;
mod listen;
mod machine;
mod node;
mod route;
mod server;

pub use api::{Api, Facts, NETWORK_DRIVERS, Pool, VOLUME_DRIVERS};
pub use http::coverage;
pub use listen::{ListenError, Listener, TlsFiles};
pub use node::{
    Backup, BackupRequest, InitRequest, JoinRequest, LocalState, Node, NodeError, NodeStatus, Peer,
    RestoreRequest,
};
pub use route::image::credentials::registry_auth;
pub use server::{serve, serve_connection};

#[cfg(test)]
mod tests;
