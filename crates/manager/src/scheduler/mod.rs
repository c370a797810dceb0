//! Picks the node of each pending task: filters, then rank, then node. Pending → Assigned, or Pending with a
//! reason a person can read.
//!
//! In: the view and the time. Out: tasks in state ASSIGNED with their node, or the reason in the status. All
//! pending tasks are placed in one pass, each seeing the ones before it.

mod cluster;
mod constraint;
mod filter;
mod rank;
mod suit;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};
use tokio_util::sync::CancellationToken;

pub(crate) use self::suit::suits;

use self::cluster::Candidates;
use self::filter::Refusals;
use crate::leader::Handles;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Action, Event, Object, View};
use crate::task::{self, is_live, with_state};

/// Runs the scheduler until `stop`.
///
/// # Errors
/// [`ReconcileError`] when this manager can lead no more.
pub async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    reconcile::run(Scheduler, handles, stop).await
}

/// The one key: a pass always looks at every pending task.
const PENDING: &str = "pending";

struct Scheduler;

impl Planner for Scheduler {
    fn touch(&self, _view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        let matters = match event {
            Event::Created(Object::Task(task)) => is_pending(task),
            // It waits anew, or what it held on its node is free.
            Event::Updated { old: Object::Task(old), new: Object::Task(new) } => {
                (is_pending(new) && !is_pending(old)) || task::is_over(old) != task::is_over(new)
            }
            Event::Deleted(Object::Task(task)) => !task::is_over(task),
            Event::Created(Object::Node(_)) | Event::Updated { new: Object::Node(_), .. } => true,
            Event::Deleted(Object::Node(_)) => true,
            Event::Created(_) | Event::Updated { .. } | Event::Deleted(_) => false,
        };
        if matters {
            dirty.insert(PENDING.to_owned());
        }
    }

    fn everything(&self, _view: &View) -> BTreeSet<String> {
        BTreeSet::from([PENDING.to_owned()])
    }

    fn plan(&self, view: &View, _dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        // Only a task without a node can be pending.
        let pending: Vec<&Arc<pb::Task>> = view.tasks_of_node("").filter(|task| is_pending(task)).collect();
        let mut planned = Planned::default();
        if pending.is_empty() {
            return planned;
        }
        let mut candidates = Candidates::of(view, now_ns);
        for task in pending {
            planned.actions.extend(place(task, &mut candidates, now_ns));
        }
        planned
    }
}

fn is_pending(task: &pb::Task) -> bool {
    is_live(task) && task::state(task) == TaskState::Pending && task.node_id.is_empty()
}

fn place(task: &pb::Task, candidates: &mut Candidates<'_>, now_ns: i64) -> Option<Action> {
    let mut refusals = Refusals::default();
    // A task of a global service is for one node, and asks no other.
    let meant = candidates
        .iter()
        .filter(|candidate| task.for_node_id.is_empty() || task.for_node_id == candidate.node.id);
    let fit = meant.filter(|candidate| match filter::check(candidate, task) {
        Ok(()) => true,
        Err(refusal) => {
            refusals.count(refusal);
            false
        }
    });
    let best =
        fit.min_by_key(|candidate| rank::of(candidate, task)).map(|candidate| candidate.node.id.clone());
    match best {
        Some(node_id) => {
            candidates.take(&node_id, task);
            let message = "scheduler assigned task to node";
            let mut task = with_state(task, TaskState::Assigned, message, now_ns);
            task.node_id = node_id;
            Some(Action::put(task))
        }
        None => waiting(task, &refusals.to_string(), now_ns),
    }
}

/// The task with the reason why it waits, unless it says so already.
fn waiting(task: &pb::Task, reason: &str, now_ns: i64) -> Option<Action> {
    let told = task.status.as_ref().is_some_and(|status| status.err == reason);
    (!told).then(|| {
        let mut task = with_state(task, TaskState::Pending, "pending task scheduling", now_ns);
        reason.clone_into(&mut task.status.get_or_insert_default().err);
        Action::put(task)
    })
}
