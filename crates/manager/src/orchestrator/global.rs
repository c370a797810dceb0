//! One global service: a task on each node that suits it.

use swarm_api::pb::{self, NodeAvailability, NodeState, TaskState};

use super::draft::Draft;
use super::{update, upkeep};
use crate::node;
use crate::reconcile::Planned;
use crate::scheduler::suits;
use crate::task::{Place, is_live};

/// Decides about a global service.
pub(super) fn plan(draft: &mut Draft<'_>, planned: &mut Planned) {
    for place in draft.places() {
        leave(draft, &place);
        upkeep::drop_doubles(draft, &place);
        upkeep::restart_ended(draft, &place);
    }
    for node_id in fit_nodes(draft) {
        let place = Place::Node(node_id);
        if !draft.is_taken(&place) {
            draft.create(place, 0);
        }
    }
    update::plan(draft, planned);
}

/// Tells the tasks of a place to stop whose node is gone, lost, drained, or suits the service no longer. A paused node keeps
/// what it has.
pub(super) fn leave(draft: &mut Draft<'_>, place: &Place) {
    let Place::Node(node_id) = place else {
        return draft.set_desired(place, TaskState::Remove, |_| true);
    };
    let view = draft.view;
    match view.node(node_id) {
        // Not even history is left of a node that is none.
        None => draft.set_desired(place, TaskState::Remove, |_| true),
        Some(node) if node::is_to_be_left(view, node_id) || !is_meant(draft.service, node) => {
            draft.set_desired(place, TaskState::Shutdown, is_live);
        }
        Some(_) => {}
    }
}

/// The nodes that may be given a task now, by id.
pub(super) fn fit_nodes(draft: &Draft<'_>) -> Vec<String> {
    let is_fit = |node: &&std::sync::Arc<pb::Node>| {
        node::state(node) == NodeState::Ready
            && node::availability(node) == NodeAvailability::Active
            && is_meant(draft.service, node)
    };
    draft.view.nodes().filter(is_fit).map(|node| node.id.clone()).collect()
}

fn is_meant(service: &pb::Service, node: &pb::Node) -> bool {
    let task = service.spec.as_ref().and_then(|spec| spec.task.as_ref());
    task.is_none_or(|task| suits(node, task))
}
