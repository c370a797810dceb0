//! `network prune`: what no container runs on goes.

use super::{NetworkRecord, Networks};
use crate::error::{Error, Result};
use crate::event::EventKind;
use network::Driver;
use std::collections::BTreeMap;

impl Networks {
    /// Removes the networks that no container runs on and that `wanted` says yes to; gives their names.
    ///
    /// # Errors
    /// [`Error::Pruning`] while another prune is at work.
    pub async fn prune(&self, wanted: impl Fn(&NetworkRecord) -> bool) -> Result<Vec<String>> {
        let _alone = self.shared.pruning.try_lock().map_err(|_| Error::Pruning)?;
        let mut pruned = Vec::new();
        // What of a swarm's networks is here goes with the tasks that need it.
        let made_here = |network: &NetworkRecord| !network.predefined && network.driver != Driver::Overlay;
        for network in self.list().await.into_iter().filter(|network| made_here(network) && wanted(network)) {
            if !self.users(&network).is_empty() {
                continue;
            }
            match self.remove(&network.id).await {
                Ok(network) => pruned.push(network.name),
                // Somebody was faster, or has come onto it.
                Err(Error::Network(network::Error::NoSuchNetwork(_) | network::Error::InUse { .. })) => {}
                Err(error) => tracing::warn!(network = network.name, %error, "network cannot be removed"),
            }
        }
        let reclaimed = BTreeMap::from([("reclaimed".to_owned(), "0".to_owned())]);
        self.shared.publish_as(EventKind::Network, "", "prune", reclaimed);
        Ok(pruned)
    }
}
