//! The HTTP server: the Docker Engine API over the engine's handles and the managers' control service.
//!
//! Inputs: connections, an [`Api`] of handles, a [`Node`] that knows the swarm. Outputs: answers, streams, hijacked connections.
//! May not touch: containers, images or replicated objects other than through those handles; it keeps no state of its own.
//!
//! The only server of HTTP in the project, and the only place where JSON becomes a proto or an engine's spec and back.
#![forbid(unsafe_code)]

mod api;
mod listen;
mod node;
mod server;

pub use api::{Api, Facts, Pool};
pub use listen::{ListenError, Listener, TlsFiles};
pub use node::{InitRequest, JoinRequest, LocalState, Node, NodeError, NodeStatus, Peer};
pub use server::serve;
