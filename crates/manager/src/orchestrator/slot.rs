//! The tasks of one place, past and present, and what they say together.

use std::collections::BTreeMap;
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};

use super::restart;
use crate::node::may_run;
use crate::store::View;
use crate::task::{Place, ended_itself, is_live, place, state};

/// The tasks of one place, oldest first.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) tasks: Vec<Arc<pb::Task>>,
}

/// What the service has in each of its places.
pub(super) fn slots(view: &View, service_id: &str) -> BTreeMap<Place, Slot> {
    let mut slots: BTreeMap<Place, Slot> = BTreeMap::new();
    for task in view.tasks_of_service(service_id) {
        slots.entry(place(task)).or_default().tasks.push(Arc::clone(task));
    }
    for slot in slots.values_mut() {
        slot.tasks.sort_by_key(|task| age(task));
    }
    slots
}

impl Slot {
    /// Tasks that should be there: at most one, but for a moment of an update that starts first.
    pub(super) fn live(&self) -> impl Iterator<Item = &Arc<pb::Task>> {
        self.tasks.iter().filter(|task| is_live(task))
    }

    /// Whether the place has what the service wants there: a live task, or one that is done for good.
    pub(super) fn is_taken(&self, service: &pb::Service) -> bool {
        self.live().next().is_some() || self.is_finished(service)
    }

    /// Whether a task of the job's present run has completed here.
    pub(super) fn is_complete(&self, service: &pb::Service) -> bool {
        let completes = |task: &Arc<pb::Task>| {
            task.job_iteration == service.job_iteration && state(task) == TaskState::Complete
        };
        service.job_iteration != 0 && self.tasks.iter().any(completes)
    }

    /// Whether the place's last task ended by itself and its restart policy leaves it at that.
    fn is_finished(&self, service: &pb::Service) -> bool {
        self.is_complete(service)
            || self.tasks.last().is_some_and(|newest| {
                newest.desired_state() == TaskState::Shutdown
                    && is_current(newest, service)
                    && ended_itself(newest)
                    && !restart::is_wanted(newest, self)
            })
    }

    /// Whether a task of the slot that was told to stop may still be running, so that a new one must wait.
    pub(super) fn is_being_left(&self, view: &View) -> bool {
        self.tasks.iter().any(|task| !is_live(task) && may_run(view, task))
    }

    /// How often tasks like `of` (of its spec and run) have ended by themselves, among those made at or after `since_ns`. A
    /// task that its node ran again while it could ask nobody has ended that many times.
    pub(super) fn ended(&self, of: &pb::Task, since_ns: i64) -> u64 {
        let counts = |task: &&Arc<pb::Task>| {
            (task.spec_version, task.job_iteration) == (of.spec_version, of.job_iteration)
                && created_at_ns(task) >= since_ns
        };
        let ends = |task: &Arc<pb::Task>| {
            let attempt = task.status.as_ref().map_or(0, |status| status.attempt);
            attempt.saturating_add(u64::from(ended_itself(task)))
        };
        self.tasks.iter().filter(counts).map(ends).fold(0, u64::saturating_add)
    }
}

/// Whether the task is made of the service as it is now: of its spec, and if it is a job, for its present run.
pub(super) fn is_current(task: &pb::Task, service: &pb::Service) -> bool {
    (task.spec_version, task.job_iteration) == (service.spec_version, service.job_iteration)
}

/// When the store first had the task, by the leader's clock.
pub(super) fn created_at_ns(task: &pb::Task) -> i64 {
    task.meta.as_ref().map_or(0, |meta| meta.created_at_ns)
}

fn age(task: &pb::Task) -> (i64, String) {
    (created_at_ns(task), task.id.clone())
}
