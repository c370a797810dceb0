//! Making a network.

use super::{NetworkRecord, NetworkRequest, Networks};
use crate::error::{Error, Result};
use crate::shared::Shared;
use crate::spec::Invalid;
use std::sync::Arc;

/// What a network is made of that does not say.
const DEFAULT_DRIVER: &str = "bridge";

impl Networks {
    /// Makes a network.
    ///
    /// # Errors
    /// If its name is another's, or what is asked cannot be had; nothing is left behind.
    pub async fn create(&self, request: NetworkRequest) -> Result<NetworkRecord> {
        // On a task of its own: a client that goes away must not leave half a network.
        let making = tokio::spawn(create(self.shared.clone(), request));
        making.await.map_err(|_| Error::ShuttingDown)?
    }
}

/// The kernel first: what the store does not know is removed from it when the engine opens.
async fn create(shared: Arc<Shared>, mut request: NetworkRequest) -> Result<NetworkRecord> {
    if request.name.trim().is_empty() {
        return Err(Invalid::NetworkName.into());
    }
    // `default` and `container:…` would never be found as networks.
    if network::is_built_in(&request.name) || request.name == "default" {
        return Err(Error::PredefinedNetwork(request.name));
    }
    if request.name.starts_with("container:") {
        return Err(Invalid::Mode { field: "network name", value: request.name }.into());
    }
    let driver = if request.driver.is_empty() { DEFAULT_DRIVER } else { request.driver.as_str() };
    for (option, value) in shared.config.default_network_options.get(driver).into_iter().flatten() {
        request.options.entry(option.clone()).or_insert_with(|| value.clone());
    }
    let network = shared.network.create(request).await?;
    if let Err(error) = shared.store.put_network(&network).await {
        if let Err(error) = shared.network.remove(&network.id).await {
            tracing::warn!(network = network.name, %error, "half a network stays until the next start");
        }
        return Err(error);
    }
    shared.publish_network_itself(&network, "create");
    Ok(network)
}
