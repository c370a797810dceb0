//! Whether a node is one for a service at all, whatever else runs there.

use swarm_api::pb;

use super::constraint;

/// Whether the node is among those that the spec lets its tasks run on. What it has left is not asked.
pub(crate) fn suits(node: &pb::Node, spec: &pb::TaskSpec) -> bool {
    let placement = spec.placement.as_ref();
    placement.is_none_or(|placement| placement.constraints.iter().all(|text| constraint::is_met(text, node)))
}
