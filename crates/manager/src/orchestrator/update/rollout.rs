//! Which places are replaced next, and what is done in each of them.

use swarm_api::pb::{self, NodeAvailability, TaskState, UpdateOrder};

use super::failure::Failures;
use crate::node;
use crate::orchestrator::draft::Draft;
use crate::orchestrator::restart;
use crate::orchestrator::slot::{Slot, is_current};
use crate::task::{Place, is_live, state, waits_in_vain};

/// Whether a task that is to run is of an older spec, and may be replaced.
pub(super) fn is_any_stale(draft: &Draft<'_>) -> bool {
    draft.slots.iter().any(|(place, slot)| is_due(draft, place, slot))
}

/// Whether there is such a task where the present spec was not tried yet: on a node that was paused while the update went on.
pub(super) fn is_any_untried(draft: &Draft<'_>) -> bool {
    let is_tried = |slot: &Slot| slot.tasks.iter().any(|task| is_current(task, draft.service));
    draft.slots.iter().any(|(place, slot)| is_due(draft, place, slot) && !is_tried(slot))
}

/// Replaces as many stale places as the parallelism allows. Whether nothing is left to do, and has been so for long enough.
pub(super) fn roll(draft: &mut Draft<'_>, config: &pb::UpdateConfig, failures: &Failures) -> bool {
    let service = draft.service;
    let stale = draft.slots.iter().filter(|(place, slot)| is_due(draft, place, slot));
    let mut stale: Vec<(Service, Place)> =
        stale.map(|(place, slot)| (service_of(slot), place.clone())).collect();
    stale.sort_unstable();
    let settle_ns = if stale.is_empty() { config.monitor_ns } else { config.delay_ns };
    let in_flight = in_flight(draft, settle_ns, failures);
    let parallelism = match config.parallelism {
        0 => usize::MAX,
        parallelism => usize::try_from(parallelism).unwrap_or(usize::MAX),
    };
    let mut free = parallelism.saturating_sub(in_flight);
    let mut open = in_flight;
    for (_, place) in &stale {
        let step = match draft.slots.get(place) {
            Some(slot) => next_step(slot, service, config.order(), failures.in_place(place)),
            None => Step::Leave,
        };
        open += usize::from(step != Step::Leave);
        match step {
            Step::Leave | Step::Wait => {}
            Step::StopOld => stop_old(draft, place),
            Step::Retry { delay_ns } => {
                draft.create(place.clone(), draft.now_ns.saturating_add(delay_ns));
            }
            Step::Replace if free == 0 => {}
            Step::Replace => {
                free -= 1;
                if config.order() == UpdateOrder::StopFirst {
                    stop_old(draft, place);
                }
                draft.create(place.clone(), 0);
            }
        }
    }
    open == 0
}

/// What is to be done in a stale place.
#[derive(Debug, PartialEq)]
enum Step {
    /// Both are there, and the new task does not run yet.
    Wait,
    /// The new task runs: the old one goes.
    StopOld,
    /// The new task is made, as soon as the parallelism allows.
    Replace,
    /// The new task has failed beside the old one: another is made, as the restart policy has it.
    Retry { delay_ns: i64 },
    /// It has failed for good: the old one stays.
    Leave,
}

fn next_step(
    slot: &Slot,
    service: &pb::Service,
    order: UpdateOrder,
    failed: Option<&std::sync::Arc<pb::Task>>,
) -> Step {
    match (current(slot, service), failed, order) {
        (Some(task), ..) if state(task) == TaskState::Running => Step::StopOld,
        (Some(_), ..) => Step::Wait,
        (None, Some(task), UpdateOrder::StartFirst) if restart::is_wanted(task, slot) => {
            Step::Retry { delay_ns: restart::delay_ns(task) }
        }
        (None, Some(_), UpdateOrder::StartFirst) => Step::Leave,
        (None, ..) => Step::Replace,
    }
}

/// How many places the update is at work in: their new task does not run yet, or has not for `settle_ns`. One in which it has
/// failed holds up no other.
fn in_flight(draft: &mut Draft<'_>, settle_ns: i64, failures: &Failures) -> usize {
    let mut count = 0;
    let mut wakes = Vec::new();
    for (_, slot) in draft.slots.iter().filter(|(place, _)| failures.in_place(place).is_none()) {
        match current(slot, draft.service).map(|task| flight(task, settle_ns, draft.now_ns)) {
            None | Some(Flight::Landed) => {}
            Some(Flight::Starts) => count += 1,
            Some(Flight::Settles { at_ns }) => {
                count += 1;
                wakes.push(at_ns);
            }
        }
    }
    wakes.into_iter().for_each(|at_ns| draft.wake_at(at_ns));
    count
}

/// How far a place's new task is.
enum Flight {
    Starts,
    /// It runs, and will have for long enough at this time.
    Settles {
        at_ns: i64,
    },
    Landed,
}

fn flight(task: &pb::Task, settle_ns: i64, now_ns: i64) -> Flight {
    let at_ns = task.running_since_ns.saturating_add(settle_ns.max(0));
    match state(task) {
        TaskState::Running if at_ns > now_ns => Flight::Settles { at_ns },
        TaskState::Running => Flight::Landed,
        _ => Flight::Starts,
    }
}

/// Whether a place serves, in the order in which places are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Service {
    /// It is to, and does not: replacing it takes nothing away. As long as there is one, no other is taken from service, so that
    /// an update which takes the place of another does not add to what that has interrupted.
    Interrupted,
    Given,
    /// It fits nowhere: no reason to hold up the others, and likely to hold them up when it is replaced.
    Impossible,
}

fn service_of(slot: &Slot) -> Service {
    if slot.live().any(|task| state(task) == TaskState::Running) {
        return Service::Given;
    }
    match slot.live().next() {
        Some(task) if !waits_in_vain(task) => Service::Interrupted,
        _ => Service::Impossible,
    }
}

fn stop_old(draft: &mut Draft<'_>, place: &Place) {
    let service = draft.service;
    draft.set_desired(place, TaskState::Shutdown, |task| is_live(task) && !is_current(task, service));
}

/// The place's live task of the current spec.
fn current<'a>(slot: &'a Slot, service: &pb::Service) -> Option<&'a pb::Task> {
    slot.live().find(|task| is_current(task, service)).map(|task| &**task)
}

/// Whether a live task of the place is of an older spec, and another could take its place. None could on a paused node, which
/// keeps what it has.
fn is_due(draft: &Draft<'_>, place: &Place, slot: &Slot) -> bool {
    slot.live().any(|task| !is_current(task, draft.service)) && !is_paused(draft, place)
}

fn is_paused(draft: &Draft<'_>, place: &Place) -> bool {
    match place {
        Place::Node(node_id) => {
            let node = draft.view.node(node_id);
            node.is_some_and(|node| node::availability(node) == NodeAvailability::Pause)
        }
        Place::Slot(_) => false,
    }
}
