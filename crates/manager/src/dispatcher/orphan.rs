//! Gives tasks up for good: those of nodes that left the swarm, and of nodes that are down for very long.

use std::collections::BTreeSet;

use swarm_api::default::nanos;
use swarm_api::pb::{NodeState, TaskState};
use tokio_util::sync::CancellationToken;

use super::Dispatcher;
use crate::node;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Action, Event, Object, View};
use crate::task::{is_over, with_state};

pub(super) async fn run(dispatcher: &Dispatcher, stop: CancellationToken) -> Result<(), ReconcileError> {
    let after_ns = nanos(dispatcher.config.orphan_after);
    reconcile::run(Orphans { after_ns }, dispatcher.handles.clone(), stop).await
}

/// Keys are ids of nodes.
pub(super) struct Orphans {
    pub(super) after_ns: i64,
}

impl Planner for Orphans {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        match event.object() {
            Object::Node(node) => {
                dirty.insert(node.id.clone());
            }
            // Placed while its node left.
            Object::Task(task) if !task.node_id.is_empty() && view.node(&task.node_id).is_none() => {
                dirty.insert(task.node_id.clone());
            }
            _ => {}
        }
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        let of_tasks = view.tasks().map(|task| task.node_id.clone());
        of_tasks.chain(view.nodes().map(|node| node.id.clone())).filter(|id| !id.is_empty()).collect()
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        let mut planned = Planned::default();
        for node_id in dirty {
            let message = match view.node(node_id) {
                None => "the node left the swarm",
                Some(node) if node::state(node) == NodeState::Down => {
                    let down_ns = node.meta.as_ref().map_or(0, |meta| meta.updated_at_ns);
                    let due_ns = down_ns.saturating_add(self.after_ns);
                    if now_ns < due_ns {
                        planned.wakes.push((due_ns, node_id.clone()));
                        continue;
                    }
                    "the node was down for too long"
                }
                Some(_) => continue,
            };
            let tasks = view.tasks_of_node(node_id).filter(|task| !is_over(task));
            let orphaned = tasks.map(|task| with_state(task, TaskState::Orphaned, message, now_ns));
            planned.actions.extend(orphaned.map(Action::put));
        }
        planned
    }
}
