//! Picks the node of each pending task: filters, then rank, then node. Pending → Assigned, or Pending with a
//! reason a person can read.
//!
//! In: the view and the time. Out: tasks in state ASSIGNED with their node and with what of it is theirs alone, or the reason
//! in the status. All
//! pending tasks are placed in one pass, each seeing the ones before it.

mod attribute;
mod cluster;
mod constraint;
mod device;
mod filter;
mod generic;
mod rank;
mod suit;
#[cfg(test)]
mod tests;
mod wish;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};
use tokio_util::sync::CancellationToken;

pub(crate) use self::suit::suits;

use self::cluster::Candidates;
use self::filter::Refusals;
use self::wish::Wish;
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

/// The key of all pending tasks. No service has such an id.
const ALL: &str = "*";

/// Tasks of one service and version of its spec ask for the same (of a global service each of its own node).
type Kind<'a> = (&'a str, u64);

/// Keys are ids of services with a task that is pending since just now, and [`ALL`] when one that waits may find room.
pub(crate) struct Scheduler;

impl Planner for Scheduler {
    fn touch(&self, _view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        let (is_new, gives_room) = match event {
            Event::Created(Object::Task(task)) => (is_pending(task), false),
            // It waits anew, or what it held on its node is free.
            Event::Updated { old: Object::Task(old), new: Object::Task(new) } => {
                (is_pending(new) && !is_pending(old), task::is_over(old) != task::is_over(new))
            }
            Event::Deleted(Object::Task(task)) => (false, !task.node_id.is_empty() && !task::is_over(task)),
            Event::Created(Object::Node(_)) | Event::Updated { new: Object::Node(_), .. } => (false, true),
            Event::Deleted(Object::Node(_)) => (false, true),
            Event::Created(_) | Event::Updated { .. } | Event::Deleted(_) => (false, false),
        };
        if gives_room {
            dirty.insert(ALL.to_owned());
        } else if is_new && let Object::Task(task) = event.object() {
            dirty.insert(task.service_id.clone());
        }
    }

    fn everything(&self, _view: &View) -> BTreeSet<String> {
        BTreeSet::from([ALL.to_owned()])
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        let pending = pending(view, dirty);
        let mut planned = Planned::default();
        if pending.is_empty() {
            return planned;
        }
        let mut candidates = Candidates::of(view, &pending, now_ns);
        let mut wishes: HashMap<Kind<'_>, Wish<'_>> = HashMap::new();
        // Within a pass nodes only fill up: what one task of a spec was refused, the next of it is too.
        let mut refused: HashMap<Kind<'_>, String> = HashMap::new();
        for task in pending {
            let kind = (task.service_id.as_str(), task.spec_version);
            let wish = wishes.entry(kind).or_insert_with(|| Wish::of(task, &candidates));
            let placed = match refused.get(&kind) {
                Some(reason) if task.for_node_id.is_empty() => Err(reason.clone()),
                _ => place(task, wish, &mut candidates, now_ns),
            };
            planned.actions.extend(match placed {
                Ok(task) => Some(Action::put(task)),
                Err(reason) => {
                    let action = waiting(task, &reason, now_ns);
                    refused.insert(kind, reason);
                    action
                }
            });
        }
        planned
    }
}

fn is_pending(task: &pb::Task) -> bool {
    is_live(task) && task::state(task) == TaskState::Pending && task.node_id.is_empty()
}

/// The tasks to be placed.
fn pending<'a>(view: &'a View, dirty: &'a BTreeSet<String>) -> Vec<&'a Arc<pb::Task>> {
    if dirty.contains(ALL) {
        // Only a task without a node can be pending.
        return view.tasks_of_node("").filter(|task| is_pending(task)).collect();
    }
    dirty.iter().flat_map(|id| view.tasks_of_service(id)).filter(|task| is_pending(task)).collect()
}

/// Puts the task on the best node, or says why there is none.
fn place(
    task: &pb::Task,
    wish: &Wish<'_>,
    candidates: &mut Candidates<'_>,
    now_ns: i64,
) -> Result<pb::Task, String> {
    let mut refusals = Refusals::default();
    let Some(share) = candidates.share(&task.service_id) else { return Err(refusals.to_string()) };
    let on_branches = wish.branches.tasks(share);
    let is_fit = |place: &usize| match filter::check(*place, candidates, share, (task, wish)) {
        Ok(()) => true,
        Err(refusal) => {
            refusals.count(refusal);
            false
        }
    };
    // A task of a global service is for one node, and asks no other.
    let is_meant =
        |place: &usize| task.for_node_id.is_empty() || task.for_node_id == candidates.nodes()[*place].node.id;
    let fit: Vec<usize> = (0..candidates.nodes().len()).filter(is_meant).filter(is_fit).collect();
    let fit_count = fit.len();
    let best = fit
        .into_iter()
        .min_by_key(|place| rank::of(*place, candidates, (task, share), (&wish.branches, &on_branches)));
    let Some(best_place) = best else { return Err(refusals.to_string()) };
    let best = &candidates.nodes()[best_place];
    let mut placed = with_state(task, TaskState::Assigned, "scheduler assigned task to node", now_ns);
    placed.node_id.clone_from(&best.node.id);
    placed.placed = refusals.chosen(fit_count, share.tasks[best_place], best.tasks);
    placed.assigned_generic = best.generic.claim(wish.generic).unwrap_or_default();
    placed.assigned_cdi = best.devices.claim(task).unwrap_or_default();
    candidates.take(&placed);
    Ok(placed)
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
