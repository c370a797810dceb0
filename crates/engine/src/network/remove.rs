//! Removing a network.

use super::{NetworkRecord, Networks};
use crate::error::{Error, Result};
use crate::shared::Shared;
use std::sync::Arc;

impl Networks {
    /// Removes a network that no container runs on. Those that do not run and will be on it cannot start any more.
    ///
    /// # Errors
    /// If there is none, it is built in, or containers run on it.
    pub async fn remove(&self, reference: &str) -> Result<NetworkRecord> {
        let removing = tokio::spawn(remove(self.shared.clone(), reference.to_owned()));
        removing.await.map_err(|_| Error::ShuttingDown)?
    }
}

/// The kernel first, since it knows who is on it. A daemon that dies before the store knows makes the network again.
async fn remove(shared: Arc<Shared>, reference: String) -> Result<NetworkRecord> {
    let network = shared.network.remove(&reference).await?;
    shared.store.remove_network(&network.id).await?;
    shared.publish_network_itself(&network, "destroy");
    Ok(network)
}
