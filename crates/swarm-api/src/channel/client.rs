//! Channels to a manager. They connect when first used and again whenever the connection is lost.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::connection::{Connection, IncomingSender};
use super::dial::{BoxStream, Dial};
use super::greeting::greeted;
use super::{DIAL_TIMEOUT, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT};
use crate::id::{ClusterId, NodeId};
use crate::tls::{
    self, ConfigError, MANAGER_NAME, Peer, Pinned, SharedIdentity, client_config, unknown_client_config,
};

/// How much may be in flight on a pipe within the process.
const PIPE_BYTES: usize = 64 * 1024;

/// A channel to the manager at `host:port`, as the node of this identity.
///
/// # Errors
/// When TLS cannot be configured from the identity.
pub fn connect(addr: &str, identity: &SharedIdentity, dialer: Arc<dyn Dial>) -> Result<Channel, ConfigError> {
    Ok(over_tls(addr, client_config(identity)?, dialer, None))
}

/// A channel to the one manager `node_id` at `host:port`: whoever else answers there is not spoken to.
///
/// # Errors
/// When TLS cannot be configured from the identity.
pub fn connect_node(
    addr: &str,
    node_id: &NodeId,
    identity: &SharedIdentity,
    dialer: Arc<dyn Dial>,
) -> Result<Channel, ConfigError> {
    let meant = Meant { node_id: node_id.clone(), cluster_id: identity.get().cluster_id.clone() };
    Ok(over_tls(addr, client_config(identity)?, dialer, Some(meant)))
}

/// A channel to the manager at `host:port`, which is known by the root of this identity, without showing who we are.
///
/// # Errors
/// When TLS cannot be configured from the identity.
pub fn connect_unknown(
    addr: &str,
    identity: &SharedIdentity,
    dialer: Arc<dyn Dial>,
) -> Result<Channel, ConfigError> {
    Ok(over_tls(addr, unknown_client_config(identity)?, dialer, None))
}

/// A channel to the manager at `host:port`, as nobody in particular, pinned to the root of a join token.
#[must_use]
pub fn connect_pinned(addr: &str, pinned: &Pinned, dialer: Arc<dyn Dial>) -> Channel {
    over_tls(addr, pinned.config.clone(), dialer, None)
}

/// A channel to the server of this process. The caller is `peer`; no certificate is involved.
#[must_use]
pub fn in_process(server: IncomingSender, peer: Peer) -> Channel {
    endpoint().connect_with_connector_lazy(service_fn(move |_| {
        let (server, peer) = (server.clone(), peer.clone());
        async move {
            let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
            let connection = Connection::within(Box::new(theirs) as BoxStream, peer);
            let gone =
                |_| io::Error::new(io::ErrorKind::ConnectionRefused, "the manager of this process has ended");
            server.send(Ok(connection)).await.map_err(gone)?;
            Ok::<_, io::Error>(TokioIo::new(ours))
        }
    }))
}

/// Who must answer.
#[derive(Clone)]
struct Meant {
    node_id: NodeId,
    cluster_id: ClusterId,
}

fn over_tls(addr: &str, config: ClientConfig, dialer: Arc<dyn Dial>, meant: Option<Meant>) -> Channel {
    let connector = TlsConnector::from(Arc::new(config));
    let addr = addr.to_owned();
    endpoint().connect_with_connector_lazy(service_fn(move |_| {
        dial(addr.clone(), connector.clone(), dialer.clone(), meant.clone())
    }))
}

type Dialled = Pin<Box<dyn Future<Output = io::Result<TokioIo<BoxStream>>> + Send>>;

fn dial(addr: String, connector: TlsConnector, dialer: Arc<dyn Dial>, meant: Option<Meant>) -> Dialled {
    Box::pin(async move {
        let connected = tokio::time::timeout(DIAL_TIMEOUT, async {
            let stream = dialer.dial(&addr).await?;
            let name = ServerName::try_from(MANAGER_NAME).map_err(io::Error::other)?;
            let stream = connector.connect(name, stream).await?;
            if let Some(meant) = &meant {
                let peer = tls::of_chain(stream.get_ref().1.peer_certificates(), &meant.cluster_id);
                check(&addr, &peer, &meant.node_id)?;
            }
            greeted(stream).await
        });
        let stream = connected.await.map_err(|_| {
            io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {addr} within {DIAL_TIMEOUT:?}"))
        })??;
        Ok(TokioIo::new(Box::new(stream) as BoxStream))
    })
}

/// Whether it is the node that was meant.
fn check(addr: &str, peer: &Peer, meant: &NodeId) -> io::Result<()> {
    if peer.node_id() == Some(meant) {
        return Ok(());
    }
    let text = match peer.node_id() {
        Some(other) => format!("at {addr} is node {other}, not {meant}"),
        None => format!("at {addr} is nobody of this swarm, not node {meant}"),
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// The authority of the requests; dialling is ours, so it names nothing.
fn endpoint() -> Endpoint {
    Endpoint::from_static("http://swarm-manager")
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(false)
}
