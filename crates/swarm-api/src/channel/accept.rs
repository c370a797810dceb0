//! Accepts connections of the network: handshake, peer, queue.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::DIAL_TIMEOUT;
use super::connection::{Connection, IncomingSender};
use super::dial::{BoxStream, Stream};
use crate::tls::{ConfigError, SharedIdentity, server_config};

/// How many handshakes may be under way; further connections wait in the kernel.
const MAX_HANDSHAKES: usize = 128;
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
    identity: SharedIdentity,
    server: IncomingSender,
    stop: CancellationToken,
) -> Result<(), ConfigError>
where
    L: futures_util::Stream<Item = io::Result<(S, SocketAddr)>> + Send + Unpin,
    S: Stream + 'static,
{
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&identity)?));
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let Ok(permit) = handshakes.clone().acquire_owned().await else { return Ok(()) };
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
        let (acceptor, identity, server) = (acceptor.clone(), identity.clone(), server.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(DIAL_TIMEOUT, handshake(&acceptor, &identity, stream, remote)).await {
                // A server that is gone takes no connections; dropping this one tells the caller.
                Ok(Ok(connection)) => drop(server.send(Ok(connection)).await),
                Ok(Err(error)) => tracing::info!(%remote, %error, "refused a connection"),
                Err(_) => tracing::info!(%remote, "gave up on a slow handshake"),
            }
            drop(permit);
        });
    }
}

async fn handshake<S: Stream + 'static>(
    acceptor: &TlsAcceptor,
    identity: &SharedIdentity,
    stream: S,
    remote: SocketAddr,
) -> io::Result<Connection> {
    let stream = acceptor.accept(stream).await?;
    let peer = crate::tls::of_chain(stream.get_ref().1.peer_certificates(), &identity.get().cluster_id);
    Ok(Connection::new(Box::new(stream) as BoxStream, peer, Some(remote)))
}
