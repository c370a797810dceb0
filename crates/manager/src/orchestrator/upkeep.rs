//! What every mode does for each place: lost and drained nodes are left, what has ended is restarted as its policy says,
//! and what need not wait any longer may run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use swarm_api::default;
use swarm_api::pb::{self, TaskState};

use super::draft::Draft;
use super::drain::is_on_drained;
use super::leave::{LEAVE_AT_MOST, drain_time_ns};
use super::restart;
use super::slot::{created_at_ns, is_current};
use crate::node;
use crate::store::View;
use crate::task::{Place, is_live, is_over, state};

/// How much longer than it takes to leave and its stop grace an old task is waited for before its successor runs beside it.
const STOP_MARGIN: Duration = Duration::from_secs(60);

/// Tasks whose node is lost are told to stop; their places are vacant from then on.
pub(super) fn leave_lost(draft: &mut Draft<'_>, place: &Place) {
    leave(draft, place, node::is_lost);
}

/// The same of tasks whose node is lost or drained.
pub(super) fn leave_lost_and_drained(draft: &mut Draft<'_>, place: &Place) {
    leave(draft, place, node::is_to_be_left);
}

fn leave(draft: &mut Draft<'_>, place: &Place, is_left: fn(&View, &str) -> bool) {
    let view = draft.view;
    draft.set_desired(place, TaskState::Shutdown, |task| {
        !task.node_id.is_empty() && !is_over(task) && is_left(view, &task.node_id)
    });
}

/// The live task of the place that has ended gets a successor, if its policy wants one.
pub(super) fn restart_ended(draft: &mut Draft<'_>, place: &Place) {
    let Some(slot) = draft.slots.get(place) else { return };
    let Some(ended) = slot.live().find(|task| is_over(task)).cloned() else { return };
    // One that could not even be made ready is not replaced before it was to run: a delay that only the run waits for
    // would let a wrong image name make a new task, and ask the registry, at every failure.
    if ended.not_before_ns > draft.now_ns {
        return draft.wake_at(ended.not_before_ns);
    }
    let wanted = restart::is_wanted(&ended, slot);
    draft.set_desired(place, TaskState::Shutdown, |task| task.id == ended.id);
    let alone = draft.slots.get(place).is_none_or(|slot| slot.live().next().is_none());
    if wanted && alone {
        draft.create(place.clone(), draft.now_ns.saturating_add(restart::delay_ns(&ended)));
    }
}

/// Of several live tasks of the present spec one is enough (a node came back into use before its task was replaced), and so it
/// is of those that are to be replaced (an update took the place of one that had started first). The one that runs stays, of
/// several the oldest.
pub(super) fn drop_doubles(draft: &mut Draft<'_>, place: &Place) {
    let (view, service) = (draft.view, draft.service);
    let Some(slot) = draft.slots.get(place) else { return };
    let stays = |task: &&Arc<pb::Task>| !is_over(task) && !is_on_drained(view, task);
    let runs = |task: &pb::Task| state(task) == TaskState::Running;
    let mut kept: BTreeMap<bool, &Arc<pb::Task>> = BTreeMap::new();
    let mut doubles = BTreeSet::new();
    for task in slot.live().filter(stays) {
        let known = kept.entry(is_current(task, service)).or_insert(task);
        if known.id != task.id {
            let is_better = runs(task) && !runs(known);
            let goes = if is_better { std::mem::replace(known, task) } else { task };
            doubles.insert(goes.id.clone());
        }
    }
    if !doubles.is_empty() {
        draft.set_desired(place, TaskState::Shutdown, |task| doubles.contains(&task.id));
    }
}

/// A task that is only to be made ready may run when its time has come and its predecessor is gone.
pub(super) fn let_run(draft: &mut Draft<'_>, place: &Place) {
    let Some(slot) = draft.slots.get(place) else { return };
    let Some(held) = slot.live().find(|task| task.desired_state() < TaskState::Running).cloned() else {
        return;
    };
    let mut at_ns = held.not_before_ns;
    if slot.is_being_left(draft.view) {
        let patience_ns = patience_ns(&held).saturating_add(drain_time_ns(draft.service));
        at_ns = at_ns.max(created_or_now(draft, &held).saturating_add(patience_ns));
    }
    if at_ns <= draft.now_ns {
        draft.set_desired(place, TaskState::Running, is_live);
    } else {
        draft.wake_at(at_ns);
    }
}

fn created_or_now(draft: &Draft<'_>, task: &pb::Task) -> i64 {
    if task.meta.is_none() { draft.now_ns } else { created_at_ns(task) }
}

fn patience_ns(task: &pb::Task) -> i64 {
    let container = task.spec.as_ref().and_then(|spec| spec.container.as_ref());
    let grace = container.map_or(default::STOP_GRACE_PERIOD, default::stop_grace_period);
    default::nanos(LEAVE_AT_MOST + grace + STOP_MARGIN)
}
