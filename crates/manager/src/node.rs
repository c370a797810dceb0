//! Questions about a node that several loops ask, answered once.

use swarm_api::pb::{self, NodeAvailability, NodeState};

use crate::store::View;
use crate::task;

/// Longest address of a manager: a host name, a colon and a port.
pub(crate) const MAX_ADDR: usize = 253 + 6;

/// What is known of the node's link.
pub(crate) fn state(node: &pb::Node) -> NodeState {
    node.status.as_ref().map_or(NodeState::Unknown, pb::NodeStatus::state)
}

/// What the administrator lets the node do.
pub(crate) fn availability(node: &pb::Node) -> NodeAvailability {
    node.spec.as_ref().map_or(NodeAvailability::Active, pb::NodeSpec::availability)
}

/// When the youngest of the nodes joined, by the clock of who led then.
pub(crate) fn youngest_ns(view: &View) -> i64 {
    let joined = view.nodes().filter_map(|node| node.meta.as_ref().map(|meta| meta.created_at_ns));
    joined.max().unwrap_or(0)
}

/// Whether nothing can be heard of this node: it is down, or no longer in the swarm.
pub(crate) fn is_lost(view: &View, node_id: &str) -> bool {
    view.node(node_id).is_none_or(|node| state(node) == NodeState::Down)
}

/// Whether a container of the task may run on a node that can be reached.
pub(crate) fn may_run(view: &View, task: &pb::Task) -> bool {
    !task.node_id.is_empty() && !task::is_over(task) && !is_lost(view, &task.node_id)
}

/// Whether tasks must leave this node.
pub(crate) fn is_to_be_left(view: &View, node_id: &str) -> bool {
    is_lost(view, node_id)
        || view.node(node_id).is_some_and(|node| availability(node) == NodeAvailability::Drain)
}

/// Whether a manager can be called there: `host:port`.
pub(crate) fn is_addr(addr: &str) -> bool {
    let Some((host, port)) = addr.rsplit_once(':') else { return false };
    let of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':' | '%');
    addr.len() <= MAX_ADDR
        && !host.is_empty()
        && host.chars().all(of_host)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}
