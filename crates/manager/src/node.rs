//! Questions about a node that several loops ask, answered once.

use swarm_api::pb::{self, NodeAvailability, NodeState};

use crate::store::View;

/// What is known of the node's link.
pub(crate) fn state(node: &pb::Node) -> NodeState {
    node.status.as_ref().map_or(NodeState::Unknown, pb::NodeStatus::state)
}

/// What the administrator lets the node do.
pub(crate) fn availability(node: &pb::Node) -> NodeAvailability {
    node.spec.as_ref().map_or(NodeAvailability::Active, pb::NodeSpec::availability)
}

/// Whether nothing can be heard of this node: it is down, or no longer in the swarm.
pub(crate) fn is_lost(view: &View, node_id: &str) -> bool {
    view.node(node_id).is_none_or(|node| state(node) == NodeState::Down)
}

/// Whether tasks must leave this node.
pub(crate) fn is_to_be_left(view: &View, node_id: &str) -> bool {
    is_lost(view, node_id)
        || view.node(node_id).is_some_and(|node| availability(node) == NodeAvailability::Drain)
}
