//! What has failed of an update: tasks that it made, which ended by themselves before they ran or soon after.

use std::collections::BTreeMap;
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};

use crate::orchestrator::draft::Draft;
use crate::orchestrator::restart;
use crate::orchestrator::slot::{Slot, created_at_ns, is_current};
use crate::task::{Place, ended_itself, state};

/// The places in which the update has failed, each with the task that failed there last.
pub(super) struct Failures {
    latest: BTreeMap<Place, Arc<pb::Task>>,
    /// Places that the service has.
    total: usize,
}

impl Failures {
    /// Of an update that has not begun.
    pub(super) fn none() -> Self {
        Failures { latest: BTreeMap::new(), total: 0 }
    }

    /// Those of the update that began at `since_ns`: of tasks that it made, and that ended within `monitor_ns` of their
    /// start. Others are the restart policy's alone.
    pub(super) fn of(draft: &Draft<'_>, monitor_ns: i64, since_ns: i64) -> Self {
        let service = draft.service;
        let fails = |task: &&Arc<pb::Task>, slot: &Slot| {
            is_current(task, service)
                && created_at_ns(task) >= since_ns
                && is_failure(task, slot)
                && (task.running_since_ns == 0
                    || task.ended_at_ns.saturating_sub(task.running_since_ns) <= monitor_ns)
        };
        let latest = draft.slots.iter().filter_map(|(place, slot)| {
            let task = slot.tasks.iter().rev().find(|task| fails(task, slot))?;
            Some((place.clone(), Arc::clone(task)))
        });
        let total = draft.slots.values().filter(|slot| slot.is_taken(service)).count();
        Failures { latest: latest.collect(), total }
    }

    /// The task that failed last, if a greater share of the places has failed than `ratio`.
    pub(super) fn beyond(&self, ratio: f32) -> Option<&str> {
        let share = self.latest.len() as f64 / self.total.max(1) as f64;
        let latest = self.latest.values().max_by_key(|task| (task.ended_at_ns, &task.id))?;
        (share > f64::from(ratio)).then_some(latest.id.as_str())
    }

    /// The task that failed last in this place.
    pub(super) fn in_place(&self, place: &Place) -> Option<&Arc<pb::Task>> {
        self.latest.get(place)
    }
}

/// A task that ended although it should not have: an end with success counts if it is to be restarted.
fn is_failure(task: &pb::Task, slot: &Slot) -> bool {
    ended_itself(task) && (state(task) != TaskState::Complete || restart::is_wanted(task, slot))
}
