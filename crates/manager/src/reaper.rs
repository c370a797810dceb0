//! Deletes what is over: tasks that were to be removed and have stopped, old tasks beyond the history kept per
//! place (a slot, or a node of a global service), and services that are being removed once they have no task left.
//!
//! In: the view. Out: deletions, and nothing else; nobody else deletes a task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use swarm_api::default;
use swarm_api::pb::{self, TaskState};
use tokio_util::sync::CancellationToken;

use crate::leader::Handles;
use crate::node::may_run;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Action, Event, Object, View};
use crate::task::{self, Place, is_live, is_over, place};

/// Runs the reaper until `stop`.
///
/// # Errors
/// [`ReconcileError`] when this manager can lead no more.
pub async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    reconcile::run(Reaper, handles, stop).await
}

/// Keys are ids of services.
pub(crate) struct Reaper;

impl Planner for Reaper {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        reconcile::touch_services(view, event, dirty);
        // How much history is kept.
        if let Object::Cluster(_) = event.object() {
            dirty.extend(self.everything(view));
        }
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        let services = view.services().map(|service| service.id.clone());
        // A task may have outlived its service.
        services.chain(view.tasks().map(|task| task.service_id.clone())).collect()
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, _now_ns: i64) -> Planned {
        let limit = view.cluster().and_then(|cluster| cluster.spec.as_ref());
        let limit = limit.map_or(default::TASK_HISTORY_LIMIT, |spec| spec.task_history_limit);
        let mut planned = Planned::default();
        for service_id in dirty {
            plan_service(view, service_id, limit, &mut planned.actions);
        }
        planned
    }
}

fn plan_service(view: &View, service_id: &str, limit: u64, actions: &mut Vec<Action>) {
    let service = view.service(service_id);
    let going = service.is_none_or(|service| service.removing);
    let mut places: BTreeMap<Place, Vec<&Arc<pb::Task>>> = BTreeMap::new();
    let mut left = 0_usize;
    for task in view.tasks_of_service(service_id) {
        if is_to_be_deleted(view, task, service.is_none()) {
            actions.push(Action::delete(Arc::clone(task)));
        } else {
            left += 1;
            places.entry(place(task)).or_default().push(task);
        }
    }
    if let Some(service) = service
        && going
        && left == 0
    {
        actions.push(Action::delete(Arc::clone(service)));
    }
    for tasks in places.into_values() {
        actions.extend(beyond_history(view, tasks, limit));
    }
}

/// Tasks to be removed go as soon as nothing of them can be running within reach; a node that comes back is
/// told by their absence. A task that was never given a node has nothing to stop.
fn is_to_be_deleted(view: &View, task: &pb::Task, is_orphan: bool) -> bool {
    let unwanted = task.desired_state() >= TaskState::Remove || is_orphan;
    let unplaced = !is_live(task) && task.node_id.is_empty() && !is_over(task);
    unplaced || (unwanted && !may_run(view, task))
}

/// The oldest finished tasks of a place that has more tasks than are kept.
fn beyond_history(view: &View, mut tasks: Vec<&Arc<pb::Task>>, limit: u64) -> Vec<Action> {
    // The restart policy counts its attempts by the tasks that are there.
    let attempts = tasks.iter().map(|task| max_attempts(task)).max().unwrap_or(0);
    let kept = limit.max(if attempts > 0 { attempts.saturating_add(1) } else { 1 });
    let excess = tasks.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
    if excess == 0 {
        return Vec::new();
    }
    tasks.sort_by_key(|task| task.meta.as_ref().map_or(0, |meta| meta.created_at_ns));
    let over = tasks.into_iter().filter(|task| !is_live(task) && !may_run(view, task) && !is_proof(task));
    over.take(excess).map(|task| Action::delete(Arc::clone(task))).collect()
}

/// Whether the task is all that tells that a job is done here. The orchestrator gives it up with the run.
fn is_proof(task: &pb::Task) -> bool {
    task.job_iteration != 0 && task::state(task) == TaskState::Complete
}

fn max_attempts(task: &pb::Task) -> u64 {
    task.spec.as_ref().map_or(0, |spec| default::restart(spec).max_attempts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{State, Transaction, apply};

    fn task(id: &str, desired: TaskState, state: TaskState, node: &str) -> pb::Task {
        pb::Task {
            id: id.to_owned(),
            service_id: "s".to_owned(),
            slot: 1,
            node_id: node.to_owned(),
            desired_state: desired.into(),
            status: Some(pb::TaskStatus { state: state.into(), ..Default::default() }),
            ..Default::default()
        }
    }

    fn deleted(service: pb::Service, tasks: Vec<pb::Task>) -> Vec<String> {
        let node = |id: &str, state: pb::NodeState| pb::Node {
            id: id.to_owned(),
            status: Some(pb::NodeStatus { state: state.into(), ..Default::default() }),
            ..Default::default()
        };
        let mut state = State::default();
        let mut first = Transaction::one(Action::put(service));
        first.put(node("up", pb::NodeState::Ready)).put(node("down", pb::NodeState::Down));
        apply(&mut state, first, 0, 1).unwrap();
        for (index, task) in (2_u32..).zip(tasks) {
            apply(&mut state, Transaction::one(Action::put(task)), i64::from(index), u64::from(index))
                .unwrap();
        }
        let planned = Reaper.plan(&View::from(state), &BTreeSet::from(["s".to_owned()]), 0);
        let id = |action| match action {
            Action::Delete { id, .. } => id,
            Action::Put(object) => panic!("the reaper only deletes: {object:?}"),
        };
        planned.actions.into_iter().map(id).collect()
    }

    fn service(removing: bool) -> pb::Service {
        pb::Service { id: "s".to_owned(), removing, ..Default::default() }
    }

    #[test]
    fn removed_tasks_go_when_nothing_of_them_runs_within_reach() {
        let tasks = vec![
            task("running", TaskState::Remove, TaskState::Running, "up"),
            task("stopped", TaskState::Remove, TaskState::Shutdown, "up"),
            task("lost", TaskState::Remove, TaskState::Running, "down"),
            task("unplaced", TaskState::Shutdown, TaskState::Pending, ""),
            task("wanted", TaskState::Running, TaskState::Running, "up"),
        ];
        assert_eq!(deleted(service(false), tasks), ["lost", "stopped", "unplaced"]);
    }

    #[test]
    fn a_service_goes_after_its_last_task() {
        let running = task("t", TaskState::Remove, TaskState::Running, "up");
        assert!(deleted(service(true), vec![running]).is_empty());
        let stopped = task("t", TaskState::Remove, TaskState::Shutdown, "up");
        assert_eq!(deleted(service(true), vec![stopped]), ["t", "s"]);
        assert_eq!(deleted(service(true), Vec::new()), ["s"]);
    }

    #[test]
    fn a_slot_keeps_its_newest_five() {
        let old = (0..7).map(|n| task(&format!("t{n}"), TaskState::Shutdown, TaskState::Failed, "up"));
        let live = task("live", TaskState::Running, TaskState::Running, "up");
        assert_eq!(deleted(service(false), old.chain([live]).collect()), ["t0", "t1", "t2"]);
    }
}
