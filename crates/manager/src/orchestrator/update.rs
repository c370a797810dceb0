//! Rolls a changed spec out over the slots, a few at a time, and keeps the service's update status.

use swarm_api::default;
use swarm_api::pb::{self, FailureAction, TaskState, UpdateOrder, UpdateState};

use super::draft::Draft;
use super::restart;
use super::slot::{Slot, updated_at_ns};
use crate::reconcile::Planned;
use crate::store::Action;
use crate::task::Place;
use crate::task::{ended_itself, state};

/// How long a finished update is watched for failures where the spec is silent, as Docker's.
const MONITOR_NS: i64 = 5_000_000_000;

/// The next steps of the service's update, if it has one.
pub(super) fn plan(draft: &mut Draft<'_>, planned: &mut Planned) {
    let service = draft.service;
    let config = service.spec.as_ref().map(default::update).unwrap_or_default();
    let status = service.update_status.clone().unwrap_or_default();
    let stale: Vec<Place> = draft
        .slots
        .iter()
        .filter(|(_, slot)| is_stale(slot, service))
        .map(|(place, _)| place.clone())
        .collect();
    let next = match status.state() {
        UpdateState::Paused
        | UpdateState::RollbackStarted
        | UpdateState::RollbackPaused
        | UpdateState::RollbackCompleted => return,
        UpdateState::None | UpdateState::Completed if stale.is_empty() => return,
        UpdateState::None | UpdateState::Completed => {
            roll(draft, &config, &stale);
            Some(began(draft.now_ns))
        }
        UpdateState::Updating => match failed(draft, &config) {
            Some(task_id) => Some(paused(status, &task_id)),
            None => roll(draft, &config, &stale).then(|| completed(status, draft.now_ns)),
        },
    };
    if let Some(next) = next {
        let mut service = service.clone();
        service.update_status = Some(next);
        planned.actions.push(Action::put(service));
    }
}

/// Replaces as many stale slots as the parallelism allows. Whether the update is done.
fn roll(draft: &mut Draft<'_>, config: &pb::UpdateConfig, stale: &[Place]) -> bool {
    let settle_ns = if stale.is_empty() { monitor_ns(config) } else { config.delay_ns };
    let mut in_flight = 0;
    let mut wakes = Vec::new();
    for slot in draft.slots.values() {
        match settles_at(slot, draft.service, settle_ns) {
            Settles::Already => {}
            Settles::At(at_ns) if at_ns <= draft.now_ns => {}
            Settles::At(at_ns) => {
                in_flight += 1;
                wakes.push(at_ns);
            }
            Settles::NotYet => in_flight += 1,
        }
    }
    wakes.into_iter().for_each(|at_ns| draft.wake_at(at_ns));
    if stale.is_empty() {
        return in_flight == 0;
    }
    let parallelism = match config.parallelism {
        0 => usize::MAX,
        parallelism => usize::try_from(parallelism).unwrap_or(usize::MAX),
    };
    // A slot in the middle of starting first is stale and in flight: it is looked at, not counted.
    let mut free = parallelism.saturating_sub(in_flight);
    for place in stale {
        let current = draft.slots.get(place).and_then(|slot| current(slot, draft.service));
        let current_runs = current.map(|task| state(task) == TaskState::Running);
        match (config.order(), current_runs) {
            (_, Some(true)) => stop_old(draft, place),
            (_, Some(false)) => {}
            (_, None) if free == 0 => {}
            (UpdateOrder::StopFirst, None) => {
                free -= 1;
                stop_old(draft, place);
                draft.create(place.clone(), 0);
            }
            (UpdateOrder::StartFirst, None) => {
                free -= 1;
                draft.create(place.clone(), 0);
            }
        }
    }
    false
}

fn stop_old(draft: &mut Draft<'_>, place: &Place) {
    let spec_version = draft.service.spec_version;
    draft.set_desired(place, TaskState::Shutdown, |task| task.spec_version != spec_version);
}

enum Settles {
    /// Nothing of the update is going on in the slot.
    Already,
    /// The new task runs; at this time it has done so for long enough.
    At(i64),
    /// The new task does not run yet.
    NotYet,
}

fn settles_at(slot: &Slot, service: &pb::Service, settle_ns: i64) -> Settles {
    match current(slot, service) {
        None => Settles::Already,
        Some(task) if state(task) == TaskState::Running => {
            Settles::At(updated_at_ns(task).saturating_add(settle_ns.max(0)))
        }
        Some(_) => Settles::NotYet,
    }
}

/// The slot's live task of the current spec.
fn current<'a>(slot: &'a Slot, service: &pb::Service) -> Option<&'a pb::Task> {
    slot.live().find(|task| task.spec_version == service.spec_version).map(|task| &**task)
}

/// Whether a live task of the slot is of an older spec.
fn is_stale(slot: &Slot, service: &pb::Service) -> bool {
    slot.live().any(|task| task.spec_version != service.spec_version)
}

/// The latest failed task of the new spec, if there are more failures than the configuration bears.
fn failed(draft: &Draft<'_>, config: &pb::UpdateConfig) -> Option<String> {
    // Going back is not offered: like a pause, it leaves the decision to a person.
    if config.failure_action() == FailureAction::Continue {
        return None;
    }
    let spec_version = draft.service.spec_version;
    let mut failures = 0_u32;
    let mut latest: Option<&pb::Task> = None;
    for slot in draft.slots.values() {
        let of_spec = slot.tasks.iter().filter(|task| task.spec_version == spec_version);
        for task in of_spec.filter(|task| is_failure(task, slot)) {
            failures += 1;
            if latest.is_none_or(|latest| updated_at_ns(latest) <= updated_at_ns(task)) {
                latest = Some(task);
            }
        }
    }
    let total = u32::try_from(draft.slots.len()).unwrap_or(u32::MAX).max(1);
    let too_many = f64::from(failures) / f64::from(total) > f64::from(config.max_failure_ratio);
    latest.filter(|_| too_many).map(|task| task.id.clone())
}

/// A task that ended although it should not have: an end with success counts if it is to be restarted.
fn is_failure(task: &pb::Task, slot: &Slot) -> bool {
    ended_itself(task) && (state(task) != TaskState::Complete || restart::is_wanted(task, slot))
}

fn monitor_ns(config: &pb::UpdateConfig) -> i64 {
    if config.monitor_ns == 0 { MONITOR_NS } else { config.monitor_ns }
}

fn began(now_ns: i64) -> pb::UpdateStatus {
    pb::UpdateStatus {
        state: UpdateState::Updating.into(),
        started_at_ns: now_ns,
        completed_at_ns: 0,
        message: "update in progress".to_owned(),
    }
}

fn paused(status: pb::UpdateStatus, task_id: &str) -> pb::UpdateStatus {
    pb::UpdateStatus {
        state: UpdateState::Paused.into(),
        message: format!("update paused due to failure or early termination of task {task_id}"),
        ..status
    }
}

fn completed(status: pb::UpdateStatus, now_ns: i64) -> pb::UpdateStatus {
    pb::UpdateStatus {
        state: UpdateState::Completed.into(),
        completed_at_ns: now_ns,
        message: "update completed".to_owned(),
        ..status
    }
}
