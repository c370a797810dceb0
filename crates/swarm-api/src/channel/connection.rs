//! An accepted connection whose peer is known, and the queue on which such connections reach the server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::dial::BoxStream;
use super::door::Ticket;
use crate::tls::Peer;

/// How many accepted connections may wait to be taken up.
const INCOMING: usize = 64;
/// Calls under way at a time on the connection of somebody without a certificate, who has one question after the other. What all
/// of them send is held in memory meanwhile.
pub(super) const CALLS_OF_A_STRANGER: usize = 2;

/// The network address a request came from; found in its extensions, absent within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteAddr(pub SocketAddr);

/// A byte stream and who is at its other end.
pub struct Connection {
    io: BoxStream,
    caller: Caller,
    admitted: Option<Admitted>,
}

/// The place of a connection from the network, which is closed when the door says so.
struct Admitted {
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    ticket: Ticket,
}

/// What the transport knows about the caller of every request on a connection.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) peer: Peer,
    pub(super) remote: Option<SocketAddr>,
    /// Room for the calls of a stranger; nodes have as much as the transport gives them.
    pub(super) room: Option<Arc<Semaphore>>,
}

/// Accepted connections, for [`super::serve()`].
pub type Incoming = ReceiverStream<io::Result<Connection>>;
/// Where acceptors put them.
pub type IncomingSender = mpsc::Sender<io::Result<Connection>>;

/// A queue of accepted connections, fed by any number of acceptors.
#[must_use]
pub fn incoming() -> (IncomingSender, Incoming) {
    let (sender, receiver) = mpsc::channel(INCOMING);
    (sender, ReceiverStream::new(receiver))
}

impl Connection {
    /// A connection within the process.
    pub(super) fn within(io: BoxStream, peer: Peer) -> Self {
        Self { io, caller: Caller { peer, remote: None, room: None }, admitted: None }
    }

    /// A connection of the network.
    pub(super) fn admitted(io: BoxStream, peer: Peer, remote: SocketAddr, ticket: Ticket) -> Self {
        let cut = Box::pin(ticket.cut().clone().cancelled_owned());
        let admitted = Some(Admitted { cut, ticket });
        let room = matches!(peer, Peer::Anonymous).then(|| Arc::new(Semaphore::new(CALLS_OF_A_STRANGER)));
        Self { io, caller: Caller { peer, remote: Some(remote), room }, admitted }
    }
}

impl Connection {
    /// See [`Ticket::stranger`].
    pub(super) fn stranger(&self) -> Option<(CancellationToken, CancellationToken)> {
        self.admitted.as_ref().and_then(|admitted| admitted.ticket.stranger())
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;
    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever serves the connection always reads from it, so this ends it whatever else it waits for.
        if let Some(admitted) = &mut self.admitted
            && admitted.cut.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
