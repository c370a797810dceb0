//! Whether a node is one for a service at all, whatever else runs there.

use swarm_api::pb;

use super::filter::check_place;
use super::wish::Placed;

/// Whether the node is among those that the spec lets its tasks run on. What it has left is not asked, nor whether it has the
/// drivers: a task that waits for one says so.
pub(crate) fn suits(node: &pb::Node, spec: &pb::TaskSpec) -> bool {
    check_place(node, &Placed::of(spec)).is_ok()
}
