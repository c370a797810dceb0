//! One replicated service: which tasks there should be, and where each should get to.
//!
//! The steps, each on the draft that the one before left: leave lost and drained nodes, restart what has
//! ended, make or give up replicas, roll a changed spec out, and last let those run that need not wait.

use std::time::Duration;

use swarm_api::default;
use swarm_api::pb::{self, TaskState};

use super::draft::Draft;
use super::slot::created_at_ns;
use super::{restart, scale, update};
use crate::node;
use crate::reconcile::Planned;
use crate::store::View;
use crate::task::{is_live, is_over};

/// How much longer than its stop grace an old task is waited for before its successor runs beside it.
const STOP_MARGIN: Duration = Duration::from_secs(60);

/// Adds to `planned` what is to be done about the service.
pub(super) fn plan(view: &View, service: &pb::Service, now_ns: i64, planned: &mut Planned) {
    let mut draft = Draft::new(view, service, now_ns);
    let numbers: Vec<u64> = draft.slots.keys().copied().collect();
    if service.removing {
        numbers.iter().for_each(|number| draft.set_desired(*number, TaskState::Remove, |_| true));
        return draft.finish(planned);
    }
    for number in &numbers {
        leave_nodes(&mut draft, *number);
        restart_ended(&mut draft, *number);
    }
    scale_to(&mut draft, service);
    update::plan(&mut draft, planned);
    let numbers: Vec<u64> = draft.slots.keys().copied().collect();
    numbers.into_iter().for_each(|number| let_run(&mut draft, number));
    draft.finish(planned);
}

/// Tasks whose node is lost or drained are told to stop; their slots are vacant from then on.
fn leave_nodes(draft: &mut Draft<'_>, number: u64) {
    let view = draft.view;
    draft.set_desired(number, TaskState::Shutdown, |task| {
        !task.node_id.is_empty() && !is_over(task) && node::is_to_be_left(view, &task.node_id)
    });
}

fn restart_ended(draft: &mut Draft<'_>, number: u64) {
    let Some(slot) = draft.slots.get(&number) else { return };
    let Some(ended) = slot.live().find(|task| is_over(task)).cloned() else { return };
    // One that could not even be made ready is not replaced before it was to run: a delay that only the run waits for
    // would let a wrong image name make a new task, and ask the registry, at every failure.
    if ended.not_before_ns > draft.now_ns {
        return draft.wake_at(ended.not_before_ns);
    }
    let wanted = restart::is_wanted(&ended, slot);
    draft.set_desired(number, TaskState::Shutdown, |task| task.id == ended.id);
    let alone = draft.slots.get(&number).is_none_or(|slot| slot.live().next().is_none());
    if wanted && alone {
        draft.create(number, draft.now_ns.saturating_add(restart::delay_ns(&ended)));
    }
}

fn scale_to(draft: &mut Draft<'_>, service: &pb::Service) {
    let replicas = service.spec.as_ref().map_or(0, default::replicas);
    let wanted = usize::try_from(replicas).unwrap_or(usize::MAX);
    let taken = draft.slots.values().filter(|slot| slot.is_taken(service)).count();
    for number in scale::victims(service, &draft.slots, taken.saturating_sub(wanted)) {
        draft.set_desired(number, TaskState::Remove, |_| true);
    }
    let mut missing = wanted.saturating_sub(taken);
    let mut number = 0;
    while missing > 0 {
        number += 1;
        if !draft.slots.get(&number).is_some_and(|slot| slot.is_taken(service)) {
            draft.create(number, 0);
            missing -= 1;
        }
    }
}

/// A task that is only to be made ready may run when its time has come and its predecessor is gone.
fn let_run(draft: &mut Draft<'_>, number: u64) {
    let Some(slot) = draft.slots.get(&number) else { return };
    let Some(held) = slot.live().find(|task| task.desired_state() < TaskState::Running).cloned() else {
        return;
    };
    let mut at_ns = held.not_before_ns;
    if slot.is_being_left(draft.view) {
        at_ns = at_ns.max(created_or_now(draft, &held).saturating_add(patience_ns(&held)));
    }
    if at_ns <= draft.now_ns {
        draft.set_desired(number, TaskState::Running, is_live);
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
    i64::try_from((grace + STOP_MARGIN).as_nanos()).unwrap_or(i64::MAX)
}
