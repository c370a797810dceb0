//! Accepts connections and serves each until it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::connection;
use crate::http::dispatch::Dispatcher;
use crate::{Api, Listener, route};

/// Most connections at a time, over all listeners; further ones wait to be accepted.
const CONNECTION_LIMIT: usize = 4096;
/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests may take to end when the daemon stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// Pause after the kernel refused a connection (out of files), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the API on all listeners until `shutdown` is cancelled, then lets requests end for a moment and returns.
pub async fn serve(listeners: Vec<Listener>, api: Api, shutdown: CancellationToken) {
    let dispatcher = Dispatcher { table: Arc::new(route::table()), api };
    let places = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let tracker = TaskTracker::new();
    // Ends what is left when the grace is over: hijacked connections, followed logs, event streams.
    let abandon = CancellationToken::new();
    for listener in listeners {
        let accept = Accept {
            dispatcher: dispatcher.clone(),
            places: Arc::clone(&places),
            tracker: tracker.clone(),
            shutdown: shutdown.clone(),
            abandon: abandon.clone(),
        };
        tracker.spawn(accept.run(listener));
    }
    shutdown.cancelled().await;
    tracker.close();
    if tokio::time::timeout(SHUTDOWN_GRACE, tracker.wait()).await.is_err() {
        abandon.cancel();
        tracker.wait().await;
    }
}

/// Serves one connection; what [`serve`] does for each it accepts.
pub async fn serve_connection(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    api: Api,
    shutdown: CancellationToken,
) {
    connection::run(io, Dispatcher { table: Arc::new(route::table()), api }, shutdown).await;
}

/// The loop of one listener.
struct Accept {
    dispatcher: Dispatcher,
    places: Arc<Semaphore>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    abandon: CancellationToken,
}

impl Accept {
    async fn run(self, listener: Listener) {
        while let Some(Ok(place)) =
            self.shutdown.run_until_cancelled(Arc::clone(&self.places).acquire_owned()).await
        {
            let accepted = self.shutdown.run_until_cancelled(async {
                match &listener {
                    Listener::Unix(unix) => unix.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
                    Listener::Tcp(tcp) => tcp.accept().await.map(|(stream, _)| Accepted::Tcp(stream)),
                    Listener::Tls(tcp, acceptor) => {
                        tcp.accept().await.map(|(stream, _)| Accepted::Tls(stream, acceptor.clone()))
                    }
                }
            });
            match accepted.await {
                None => return,
                Some(Err(error)) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Some(Ok(accepted)) => {
                    let dispatcher = self.dispatcher.clone();
                    let (shutdown, abandon) = (self.shutdown.clone(), self.abandon.clone());
                    self.tracker.spawn(async move {
                        abandon.run_until_cancelled(accepted.run(dispatcher, shutdown)).await;
                        drop(place);
                    });
                }
            }
        }
    }
}

enum Accepted {
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
    Tls(tokio::net::TcpStream, tokio_rustls::TlsAcceptor),
}

impl Accepted {
    /// Serves it. What each kind of connection keeps is boxed, so that a unix socket does not pay for TLS.
    async fn run(self, dispatcher: Dispatcher, shutdown: CancellationToken) {
        match self {
            Self::Unix(stream) => Box::pin(connection::run(stream, dispatcher, shutdown)).await,
            Self::Tcp(stream) => {
                let _ = stream.set_nodelay(true);
                Box::pin(connection::run(stream, dispatcher, shutdown)).await;
            }
            Self::Tls(stream, acceptor) => {
                let _ = stream.set_nodelay(true);
                match Box::pin(tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream))).await {
                    Ok(Ok(stream)) => Box::pin(connection::run(stream, dispatcher, shutdown)).await,
                    Ok(Err(error)) => tracing::info!(%error, "tls handshake failed"),
                    Err(_) => tracing::info!("tls handshake took too long"),
                }
            }
        }
    }
}
