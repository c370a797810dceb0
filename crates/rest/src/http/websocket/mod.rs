//! Connections that go on as a WebSocket (RFC 6455), seen by handlers as any other byte stream.
//!
//! Own code rather than a library: of the protocol only binary messages, pings and the close are needed, on a connection that
//! has left HTTP already, and the messages' limits do not matter to a stream, so that frames of any length take no memory.

mod accept;
mod frame;
mod pump;

pub(crate) use accept::head;
pub(crate) use pump::stream;
