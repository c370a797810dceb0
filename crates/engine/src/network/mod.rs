//! Networks: made, listed, removed; containers connected to them and disconnected.
//!
//! Purpose: what users ask of networks. Inputs: requests, the records of containers. Outputs: [`NetworkRecord`]s in the
//! store, and events. The crate `network` settles what is asked and does it to the kernel; the record is stored after that,
//! and what the store does not know when the engine opens is removed from the kernel again.
//!
//! - [`Networks`]: the handle · [`create`], [`remove`], [`prune`] · [`connect`]: what is asked of a container's task
//! - [`live`]: who is on networks when the engine opens
//!
//! Who is on a network is told by the containers' records alone. May not touch: the kernel.

mod connect;
mod create;
mod live;
mod prune;
mod remove;

pub(crate) use live::{dns, live};
pub use network::{NetworkRecord, NetworkRequest, SubnetRequest};

use crate::container::Containers;
use crate::error::Result;
use crate::event::EventKind;
use crate::record::Record;
use crate::shared::Shared;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The networks of this engine. Cheap to clone.
///
/// A `reference` is an id, a name, or the beginning of exactly one id.
#[derive(Clone)]
pub struct Networks {
    shared: Arc<Shared>,
    containers: Containers,
}

impl Networks {
    pub(crate) fn new(shared: Arc<Shared>) -> Networks {
        Networks { containers: Containers::new(shared.clone()), shared }
    }

    /// All networks, those that are built in first.
    pub async fn list(&self) -> Vec<NetworkRecord> {
        self.shared.network.networks().await
    }

    /// One network.
    ///
    /// # Errors
    /// If there is none of this name or id, or several ids begin so.
    pub async fn inspect(&self, reference: &str) -> Result<NetworkRecord> {
        Ok(self.shared.network.find(reference).await?)
    }

    /// Which chains of other programs stand between the outside and containers.
    ///
    /// # Errors
    /// If the kernel's rules cannot be read.
    pub async fn firewall(&self) -> Result<network::FirewallReport> {
        Ok(self.shared.network.firewall_report().await?)
    }

    /// The containers that run on the network.
    pub fn users(&self, network: &NetworkRecord) -> Vec<Arc<Record>> {
        let mut users = self.shared.index().snapshots();
        users.retain(|record| is_on(record, network));
        users
    }
}

/// Whether a container is on a network now.
fn is_on(record: &Record, network: &NetworkRecord) -> bool {
    let wired = record.endpoints.iter().any(|endpoint| endpoint.network_id == network.id);
    // Those without addresses have no endpoint.
    let named =
        || record.spec.networks.get(&network.name).is_some_and(|place| place.network_id == network.id);
    wired || (record.state.pid != 0 && !network.driver.has_addresses() && named())
}

impl Shared {
    /// Tells that something happened to a network.
    fn publish_network_itself(&self, network: &NetworkRecord, action: &str) {
        let attributes = [("name", network.name.clone()), ("type", network.driver.to_string())];
        let attributes: BTreeMap<String, String> =
            attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.publish_as(EventKind::Network, &network.id, action, attributes);
    }
}
