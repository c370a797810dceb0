//! One job: tasks that run to their end, a number of times or once on each node. An update begins another run of it, and
//! nothing of an earlier run is left then.
//!
//! What is done is told by the tasks alone, so a new leader knows as much: what has completed is not deleted while its run
//! lasts.

use swarm_api::pb::{self, TaskState};

use super::draft::Draft;
use super::slot::Slot;
use super::{global, upkeep};
use crate::task::{Place, is_live};

/// Decides about a job that is to complete so many times.
pub(super) fn replicated(draft: &mut Draft<'_>, job: &pb::ReplicatedJob) {
    for place in draft.places() {
        drop_earlier_runs(draft, &place);
        rest_if_complete(draft, &place);
        upkeep::leave_lost_and_drained(draft, &place);
        upkeep::restart_ended(draft, &place);
    }
    let count = |which: fn(&Slot) -> bool| {
        let places = draft.slots.values().filter(|slot| slot.is_taken(draft.service) && which(slot));
        u64::try_from(places.count()).unwrap_or(u64::MAX)
    };
    let active = count(|slot| slot.live().next().is_some());
    let done = count(|slot| slot.live().next().is_none());
    let at_once = if job.max_concurrent == 0 { job.total_completions } else { job.max_concurrent };
    let wanted = at_once.min(job.total_completions.saturating_sub(done));
    give_up(draft, active.saturating_sub(wanted));
    let mut missing = wanted.saturating_sub(active);
    // Clients count the slots of a job from zero on.
    let mut number = 0;
    while missing > 0 {
        let place = Place::Slot(number);
        if !draft.is_taken(&place) {
            draft.create(place, 0);
            missing -= 1;
        }
        number += 1;
    }
}

/// Decides about a job that is to complete once on each node that was there when it began, as Docker's.
pub(super) fn global(draft: &mut Draft<'_>) {
    for place in draft.places() {
        drop_earlier_runs(draft, &place);
        rest_if_complete(draft, &place);
        global::leave(draft, &place);
        upkeep::restart_ended(draft, &place);
    }
    for node_id in global::fit_nodes(draft) {
        let node = draft.view.node(&node_id).and_then(|node| node.meta.as_ref());
        let joined_ns = node.map_or(0, |meta| meta.created_at_ns);
        let place = Place::Node(node_id);
        if joined_ns <= draft.service.job_started_at_ns && !draft.is_taken(&place) {
            draft.create(place, 0);
        }
    }
}

fn drop_earlier_runs(draft: &mut Draft<'_>, place: &Place) {
    let run = draft.service.job_iteration;
    draft.set_desired(place, TaskState::Remove, |task| task.job_iteration != run);
}

/// A place that has completed is done, also when its node was thought lost and it was begun elsewhere meanwhile.
fn rest_if_complete(draft: &mut Draft<'_>, place: &Place) {
    if draft.slots.get(place).is_some_and(|slot| slot.is_complete(draft.service)) {
        draft.set_desired(place, TaskState::Shutdown, is_live);
    }
}

/// Gives up so many of the places that are under way, the highest first: the job is to run less often, or less at once.
fn give_up(draft: &mut Draft<'_>, excess: u64) {
    let excess = usize::try_from(excess).unwrap_or(usize::MAX);
    let active = draft.slots.iter().rev().filter(|(_, slot)| slot.live().next().is_some());
    let victims: Vec<Place> = active.map(|(place, _)| place.clone()).take(excess).collect();
    victims.iter().for_each(|place| draft.set_desired(place, TaskState::Remove, is_live));
}
