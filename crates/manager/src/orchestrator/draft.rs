//! A working copy of one service's places, on which the steps of a plan decide one after the other, each seeing
//! what those before it decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use swarm_api::expand;
use swarm_api::id::TaskId;
use swarm_api::pb::{self, TaskState};

use super::leave;
use super::slot::{Slot, slots};
use crate::reconcile::Planned;
use crate::store::{Action, View};
use crate::task::Place;

/// Places as they are to become, and which tasks of them differ from the view.
pub(super) struct Draft<'a> {
    pub(super) view: &'a View,
    pub(super) service: &'a pb::Service,
    pub(super) now_ns: i64,
    pub(super) slots: BTreeMap<Place, Slot>,
    changed: BTreeSet<String>,
    wake_ns: Option<i64>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(view: &'a View, service: &'a pb::Service, now_ns: i64) -> Self {
        let slots = slots(view, &service.id);
        Draft { view, service, now_ns, slots, changed: BTreeSet::new(), wake_ns: None }
    }

    /// All places with a task, past or present.
    pub(super) fn places(&self) -> Vec<Place> {
        self.slots.keys().cloned().collect()
    }

    /// Whether the place has what the service wants there: a live task, or one that is done for good.
    pub(super) fn is_taken(&self, place: &Place) -> bool {
        self.slots.get(place).is_some_and(|slot| slot.is_taken(self.service))
    }

    /// Moves the desired state of every task of the place that `which` picks on to `desired`, never back. One that something
    /// is balanced to leaves first.
    pub(super) fn set_desired(
        &mut self,
        place: &Place,
        desired: TaskState,
        which: impl Fn(&pb::Task) -> bool,
    ) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        for task in slot.tasks.iter_mut().filter(|task| task.desired_state() < desired && which(task)) {
            let leaves = task.desired_state() == TaskState::Leaving
                || desired >= TaskState::Shutdown && leave::is_needed(self.view, self.service, task);
            if !leaves {
                Arc::make_mut(task).set_desired_state(desired);
                self.changed.insert(task.id.clone());
                continue;
            }
            let known = task.leaving.as_ref();
            if known.is_some_and(|leaving| leaving.then() >= desired) {
                continue;
            }
            let since_ns = known.map_or(self.now_ns, |leaving| leaving.since_ns);
            let task = Arc::make_mut(task);
            task.set_desired_state(TaskState::Leaving);
            task.leaving = Some(pb::Leaving { since_ns, then: desired.into() });
            self.changed.insert(task.id.clone());
        }
    }

    /// Lets a task that has left get to where it was to go.
    pub(super) fn end_leaving(&mut self, place: &Place, task_id: &str) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        for task in slot.tasks.iter_mut().filter(|task| task.id == task_id) {
            let then = task.leaving.as_ref().map_or(TaskState::Shutdown, pb::Leaving::then);
            Arc::make_mut(task).set_desired_state(then.max(TaskState::Shutdown));
            self.changed.insert(task.id.clone());
        }
    }

    /// Adds a task to the place, made from the service as it is now. It is only to be made ready: when it may
    /// run is decided by the last step of the plan.
    pub(super) fn create(&mut self, place: Place, not_before_ns: i64) {
        let mut spec = self.service.spec.clone().unwrap_or_default();
        if let Some(task) = spec.task.as_mut()
            && task.log_driver.is_none()
        {
            // The swarm's default at this moment: a later one is for later tasks, as with swarmkit.
            task.log_driver = default_log_driver(self.view);
        }
        let (slot, for_node_id) = match &place {
            Place::Slot(number) => (*number, String::new()),
            Place::Node(node_id) => (0, node_id.clone()),
        };
        let container = spec.task.as_ref().and_then(|task| task.container.as_ref());
        let wants_labels = container.is_some_and(expand::wants_labels);
        let annotations = spec.annotations.unwrap_or_default();
        let task = pb::Task {
            id: TaskId::random().into(),
            service_id: self.service.id.clone(),
            service_name: annotations.name,
            service_labels: if wants_labels { annotations.labels } else { Default::default() },
            slot,
            for_node_id,
            spec: spec.task,
            spec_version: self.service.spec_version,
            job_iteration: self.service.job_iteration,
            status: Some(pb::TaskStatus {
                state: TaskState::New.into(),
                timestamp_ns: self.now_ns,
                message: "created".to_owned(),
                ..Default::default()
            }),
            desired_state: TaskState::Ready.into(),
            not_before_ns,
            ..Default::default()
        };
        self.changed.insert(task.id.clone());
        self.slots.entry(place).or_default().tasks.push(Arc::new(task));
    }

    /// Asks to be planned again at this time.
    pub(super) fn wake_at(&mut self, at_ns: i64) {
        self.wake_ns = Some(self.wake_ns.map_or(at_ns, |wake_ns| wake_ns.min(at_ns)));
    }

    /// The tasks that changed, as actions, and the wake.
    pub(super) fn finish(self, planned: &mut Planned) {
        let tasks = self.slots.into_values().flat_map(|slot| slot.tasks);
        planned.actions.extend(tasks.filter(|task| self.changed.contains(&task.id)).map(Action::put));
        planned.wakes.extend(self.wake_ns.map(|at_ns| (at_ns, self.service.id.clone())));
    }
}

/// Where the output of tasks goes whose service does not say.
fn default_log_driver(view: &View) -> Option<pb::LogDriver> {
    view.cluster()?.spec.as_ref()?.log_driver.clone()
}
