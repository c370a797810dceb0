//! The embedded DNS of containers on user-defined networks, without its sockets.
//!
//! Inputs: names and askers from the daemon, messages from containers and from servers, the time. Outputs:
//! [`Effect`]s, which `shoal-net` carries out. Everything here is pure, and takes every message for hostile.
//!
//! Questions are passed on and answered byte for byte, but for their number, the case of the name and the times to
//! live. So nothing is taken apart that need not be, and records yet to be invented pass through.

mod cache;
mod forward;
mod model;
mod query;
mod reply;
mod response;
mod server;
#[cfg(test)]
mod tests;
mod wire;
mod zone;

use std::net::{IpAddr, SocketAddr};

pub use model::{Asker, Joined, Named, NamedKey};
pub use server::Server;

/// The embedded server's address in every container.
pub const SERVER_ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(127, 0, 0, 11);
/// The port of DNS.
pub const PORT: u16 = 53;

/// Who has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// By a datagram to the socket that `shoal-net` calls so.
    Datagram {
        /// The socket.
        socket: u64,
        /// Where the answer goes.
        address: SocketAddr,
    },
    /// Over the connection that `shoal-net` calls so.
    Stream(u64),
}

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// UDP.
    Datagram,
    /// TCP, with the length in two bytes before each message.
    Stream,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer a client.
    Answer {
        /// The client.
        client: Client,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Ask a server, from a socket of the flight's own in place of the one it had.
    Send {
        /// The question on its way.
        flight: u64,
        /// Whose question it is.
        container_id: String,
        /// Whether to ask from the machine's network; else from the container's.
        from_host: bool,
        /// Whom.
        server: IpAddr,
        /// How.
        transport: Transport,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Close the flight's socket.
    Close {
        /// The question that is answered.
        flight: u64,
    },
}
