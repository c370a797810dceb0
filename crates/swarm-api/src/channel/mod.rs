//! How the messages travel: gRPC over mutual TLS between machines, or over a pipe within one process.
//!
//! One port serves everything. A connection's [`crate::tls::Peer`] is settled by the handshake, before the first request,
//! and every request passes the role table in one place ([`serve()`]).

mod accept;
mod access;
mod client;
mod complaint;
mod connection;
mod dial;
mod door;
mod forward;
mod greeting;
mod server;
mod site;

use std::time::Duration;

pub use accept::{accept, listen};
pub use client::{connect, connect_node, connect_pinned, connect_unknown, in_process};
pub use complaint::Complaints;
pub use connection::{Connection, Incoming, IncomingSender, RemoteAddr, incoming};
pub use dial::{BoxStream, Dial, Stream, Tcp};
pub use door::{
    Authorize, CONNECTIONS_PER_NODE, Door, Refusal, STRANGER_STAY, STRANGERS, STRANGERS_PER_ADDRESS, Ticket,
};
pub use forward::{
    Alone, Answering, Forward, Here, LEADER, NOBODY, ON_BEHALF, ORIGIN, RpcRequest, RpcResponse,
};
pub use server::{ServeError, serve};
pub use site::site;

/// How long a dial and its TLS handshake may take.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection without a sign of life is asked for one after this time, on both ends.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// And given up when none comes within this time.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// A message may be so long; a transaction is at most a quarter of it.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
