//! Questions about networks that several rooms ask, answered once.

use std::sync::Arc;

use swarm_api::pb;

use crate::store::State;

/// The network that a service names by id or name.
pub(crate) fn referenced<'a>(state: &'a State, target: &str) -> Option<&'a Arc<pb::Network>> {
    state.network(target).or_else(|| state.network_by_name(target))
}

/// Its name.
pub(crate) fn name(network: &pb::Network) -> &str {
    let annotations = network.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
    annotations.map_or("", |annotations| &annotations.name)
}
