//! Accepts connections of the network: handshake, peer, queue.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::DIAL_TIMEOUT;
use super::connection::{Connection, IncomingSender};
use super::dial::{BoxStream, Stream};
use super::door::{Door, Refusal, STRANGER_STAY, Ticket};
use crate::tls::{ConfigError, server_config};

/// Pause after a failed accept (out of descriptors, for one), so that it is not a busy loop.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Connections of a TCP listener, in the form [`accept`] takes.
pub fn listen(
    listener: TcpListener,
) -> impl futures_util::Stream<Item = io::Result<(TcpStream, SocketAddr)>> + Send + Unpin {
    Box::pin(futures_util::stream::unfold(listener, async |listener| {
        let accepted = listener.accept().await.and_then(|(stream, remote)| {
            stream.set_nodelay(true)?;
            Ok((stream, remote))
        });
        Some((accepted, listener))
    }))
}

/// Shakes hands with whoever connects and hands the connection to the server, until `stop` or the end of the listener.
///
/// # Errors
/// When TLS cannot be configured from the identity.
pub async fn accept<L, S>(
    mut listener: L,
    door: Door,
    server: IncomingSender,
    stop: CancellationToken,
) -> Result<(), ConfigError>
where
    L: futures_util::Stream<Item = io::Result<(S, SocketAddr)>> + Send + Unpin,
    S: Stream + 'static,
{
    let acceptor = TlsAcceptor::from(Arc::new(server_config(door.identity())?));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            accepted = listener.next() => accepted,
        };
        let (stream, remote) = match accepted {
            None => return Ok(()),
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let ticket = match door.knock(remote.ip()) {
            Ok(ticket) => ticket,
            Err(refusal) => {
                door.complain(remote.ip(), &refusal);
                continue;
            }
        };
        let (shake, server) = (Shake { acceptor: acceptor.clone(), door: door.clone() }, server.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(DIAL_TIMEOUT, shake.hands(stream, remote, ticket)).await {
                Ok(Ok(connection)) => hand_over(connection, &server).await,
                Ok(Err(error)) => shake.door.complain(remote.ip(), &error),
                Err(_) => shake.door.complain(remote.ip(), &"the handshake takes too long"),
            }
        });
    }
}

/// Gives the connection to the server, and ends a stranger's stay.
async fn hand_over(connection: Connection, server: &IncomingSender) {
    let stranger = connection.stranger();
    // A server that is gone takes no connections; dropping this one tells the caller.
    if server.send(Ok(connection)).await.is_ok()
        && let Some((cut, closed)) = stranger
    {
        tokio::select! {
            () = tokio::time::sleep(STRANGER_STAY) => cut.cancel(),
            () = closed.cancelled() => {}
        }
    }
}

/// Why a connection came to nothing.
#[derive(Debug, Error)]
enum ShakeError {
    #[error(transparent)]
    Tls(#[from] io::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What a handshake needs.
struct Shake {
    acceptor: TlsAcceptor,
    door: Door,
}

impl Shake {
    async fn hands<S: Stream + 'static>(
        &self,
        stream: S,
        remote: SocketAddr,
        ticket: Ticket,
    ) -> Result<Connection, ShakeError> {
        let stream = self.acceptor.accept(stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = crate::tls::of_chain(Some(chain), &self.door.identity().get().cluster_id);
        let ticket = self.door.enter(ticket, &peer, chain)?;
        Ok(Connection::admitted(Box::new(stream) as BoxStream, peer, remote, ticket))
    }
}
