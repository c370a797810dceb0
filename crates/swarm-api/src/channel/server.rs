//! Serves the rpcs on accepted connections.

use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use super::access::Access;
use super::connection::Incoming;
use super::door::Door;
use super::forward::{Forward, Forwarding};
use super::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT};

/// Requests of one connection that may be under way at a time.
const MAX_STREAMS: u32 = 256;

/// The server ended by an error.
#[derive(Debug, Error)]
#[error("serving the swarm's calls: {0}")]
pub struct ServeError(#[from] tonic::transport::Error);

/// Serves until `stop`. Of every request it is asked at the door as whom the caller counts, and then in the role table; then
/// `forward` decides where it is answered.
///
/// # Errors
/// When the transport fails as a whole; a broken connection is none of it.
pub async fn serve(
    routes: Routes,
    incoming: Incoming,
    door: Door,
    forward: Arc<dyn Forward>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(MAX_STREAMS)
        .layer(Access(door))
        .layer(Forwarding(forward))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await?;
    Ok(())
}
