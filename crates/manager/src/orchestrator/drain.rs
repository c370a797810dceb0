//! A drained node is left without anybody noticing: what replaces a task of it runs elsewhere before the task stops.
//!
//! Where that cannot be (the replacement fits nowhere, or does not come to run), the node is left all the same.

use std::time::Duration;

use swarm_api::default::nanos;
use swarm_api::pb::{self, NodeAvailability, TaskState};

use super::draft::Draft;
use super::restart;
use super::slot::{Slot, created_at_ns};
use crate::node;
use crate::store::View;
use crate::task::{Place, ended_itself, is_live, is_over, state, waits_in_vain};

/// How long replacements may take before the drained node is left without one.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of the running task on a drained node.
enum Step {
    /// A replacement is to be made, not to run before a time.
    Replace {
        not_before_ns: i64,
    },
    /// Its replacement is on its way: looked at again at this time.
    Wait {
        until_ns: i64,
    },
    Stop,
}

/// Does what is next for the task of the place that is on a drained node within reach, if there is one.
pub(super) fn leave_drained(draft: &mut Draft<'_>, place: &Place) {
    let view = draft.view;
    let leaves = |task: &pb::Task| is_live(task) && !is_over(task) && is_on_drained(view, task);
    let Some(slot) = draft.slots.get(place) else { return };
    let Some(old) = slot.live().find(|task| leaves(task)) else { return };
    match next_step(slot, old, &leaves, draft.now_ns) {
        Step::Replace { not_before_ns } => draft.create(place.clone(), not_before_ns),
        Step::Wait { until_ns } => draft.wake_at(until_ns),
        Step::Stop => draft.set_desired(place, TaskState::Shutdown, leaves),
    }
}

fn next_step(slot: &Slot, old: &pb::Task, leaves: &dyn Fn(&pb::Task) -> bool, now_ns: i64) -> Step {
    // What does not run yet serves nobody.
    if state(old) != TaskState::Running {
        return Step::Stop;
    }
    let newer = || slot.tasks.iter().filter(|task| created_at_ns(task) > created_at_ns(old));
    let since_ns = newer().map(|task| created_at_ns(task)).min().unwrap_or(now_ns);
    let until_ns = since_ns.saturating_add(nanos(PATIENCE));
    match slot.live().find(|task| !leaves(task) && !is_over(task)) {
        Some(new) if state(new) == TaskState::Running || waits_in_vain(new) => Step::Stop,
        _ if until_ns <= now_ns => Step::Stop,
        Some(_) => Step::Wait { until_ns },
        None => match newer().rfind(|task| ended_itself(task)) {
            Some(failed) if restart::is_wanted(failed, slot) => {
                Step::Replace { not_before_ns: now_ns.saturating_add(restart::delay_ns(failed)) }
            }
            Some(_) => Step::Stop,
            None => Step::Replace { not_before_ns: 0 },
        },
    }
}

pub(super) fn is_on_drained(view: &View, task: &pb::Task) -> bool {
    !node::is_lost(view, &task.node_id)
        && view.node(&task.node_id).is_some_and(|node| node::availability(node) == NodeAvailability::Drain)
}
