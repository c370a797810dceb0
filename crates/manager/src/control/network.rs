//! Networks of the swarm: create, read, remove.

use std::sync::Arc;

use swarm_api::id::NetworkId;
use swarm_api::{naming, pb, validate};

use super::{Control, ControlError, reference};
use crate::network::referenced;
use crate::store::{Kind, State, Transaction, View};
use crate::subnet;

impl Control {
    pub(super) async fn create_network(
        &self,
        request: pb::CreateNetworkRequest,
    ) -> Result<pb::Network, ControlError> {
        let spec = request.spec.ok_or(ControlError::NoSpec)?;
        validate::network(&spec)?;
        let id = NetworkId::random();
        let network = pb::Network { id: id.to_string(), spec: Some(spec), ..Default::default() };
        let view = self.reader.view().await?;
        // Whether it can be had; which it is to have is the allocator's.
        subnet::settle(&view, &network)?;
        let mut transaction = Transaction::default();
        transaction.put(network);
        self.proposer.propose(transaction).await?;
        let gone = || ControlError::NotFound { kind: Kind::Network, reference: id.to_string() };
        self.store.view().network(&id).map(|network| (**network).clone()).ok_or_else(gone)
    }

    pub(super) async fn get_network(&self, reference: &str) -> Result<pb::Network, ControlError> {
        let view = self.reader.view().await?;
        reference::network(&view, reference).map(|network| (**network).clone())
    }

    pub(super) async fn list_networks(&self) -> Result<pb::ListNetworksResponse, ControlError> {
        let view = self.reader.view().await?;
        Ok(pb::ListNetworksResponse {
            networks: view.networks().map(|network| (**network).clone()).collect(),
        })
    }

    /// What of it is on nodes goes with the tasks that use it.
    pub(super) async fn remove_network(&self, reference: &str) -> Result<(), ControlError> {
        self.reader.view().await?;
        let decide = |view: &View| {
            let network = reference::network(view, reference)?;
            if let Some(service) = view.services().find(|service| uses(view, service, network)) {
                return Err(ControlError::NetworkInUse {
                    network: network.id.clone(),
                    service: service.id.clone(),
                });
            }
            let mut transaction = Transaction::default();
            transaction.delete(network.clone());
            Ok(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        Ok(())
    }
}

/// Whether a service that is not being removed names the network.
fn uses(state: &State, service: &pb::Service, network: &Arc<pb::Network>) -> bool {
    let task = service.spec.as_ref().and_then(|spec| spec.task.as_ref());
    let targets = task.map_or(&[][..], |task| &task.networks);
    let named = |target: &str| referenced(state, target).is_some_and(|named| named.id == network.id);
    !service.removing && targets.iter().any(|config| named(&config.target))
}

/// Puts the ids of the networks that the spec names in the place of what it calls them: every one must be there.
pub(super) fn settle(state: &State, spec: &mut pb::ServiceSpec) -> Result<(), ControlError> {
    let targets = spec.task.as_mut().map_or(&mut [][..], |task| &mut task.networks);
    for config in targets.iter_mut().filter(|config| !naming::is_network_of_nodes(&config.target)) {
        let network = referenced(state, &config.target).ok_or_else(|| ControlError::NotFound {
            kind: Kind::Network,
            reference: config.target.clone(),
        })?;
        config.target.clone_from(&network.id);
    }
    Ok(())
}
