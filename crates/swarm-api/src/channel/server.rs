//! Serves the rpcs on accepted connections.

use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::Server;

use super::access::Access;
use super::connection::Incoming;
use super::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT};
use crate::tls::Peer;

/// Requests of one connection that may be under way at a time.
const MAX_STREAMS: u32 = 256;

/// Whether the server still knows this caller: a certificate outlives the removal of its node. Must answer at once.
pub type Authorize = Arc<dyn Fn(&Peer) -> Result<(), Status> + Send + Sync>;

/// The server ended by an error.
#[derive(Debug, Error)]
#[error("serving the swarm's calls: {0}")]
pub struct ServeError(#[from] tonic::transport::Error);

/// Serves until `stop`. Every request is checked against the role table and by `authorize` first.
///
/// # Errors
/// When the transport fails as a whole; a broken connection is none of it.
pub async fn serve(
    routes: Routes,
    incoming: Incoming,
    authorize: Authorize,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(MAX_STREAMS)
        .layer(Access(authorize))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await?;
    Ok(())
}
