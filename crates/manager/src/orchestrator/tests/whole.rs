//! All planners together on one store, with agents that do as they are told, some sooner and some later.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use swarm_api::default;
use swarm_api::pb::service_spec::Mode;
use swarm_api::pb::{self, NodeAvailability, TaskState};

use super::world::*;
use crate::allocator::Allocator;
use crate::node;
use crate::reaper::Reaper;
use crate::reconcile::Planner;
use crate::scheduler::{Scheduler, suits};
use crate::store::{Action, View};
use crate::task::{self, Place, is_live, is_over, place};

/// The world, and what must hold in it whatever happens.
pub(super) struct Whole {
    pub(super) world: World,
}

impl Whole {
    pub(super) fn new(nodes: usize, spec: pb::ServiceSpec) -> Whole {
        Whole { world: World::new(nodes, spec) }
    }

    /// The orchestrator plans. What it stops it has a reason to stop.
    pub(super) fn plan(&mut self) -> bool {
        let before = self.world.view();
        let some = self.world.plan();
        let after = self.world.view();
        for old in before.tasks().filter(|task| is_live(task)) {
            let told = after.task(&old.id).expect("the orchestrator deletes nothing");
            assert!(is_live(told) || has_cause(&before, &after, old), "stopped for nothing: {told:#?}");
        }
        some
    }

    /// The allocator, the scheduler and the reaper plan.
    pub(super) fn place(&mut self) -> bool {
        let mut some = self.plan_all(&Allocator);
        some |= self.plan_all(&Scheduler);
        some |= self.plan_all(&Reaper);
        self.check_nodes();
        some
    }

    fn plan_all(&mut self, planner: &impl Planner) -> bool {
        let view = self.world.view();
        let actions = planner.plan(&view, &planner.everything(&view), self.world.now_ns).actions;
        let some = !actions.is_empty();
        self.world.apply(actions);
        some
    }

    /// Agents do one thing for each of their tasks: all of them, or of `parts` the one that `turn` chooses.
    pub(super) fn obey(&mut self, turn: u64, parts: u64) -> bool {
        let view = self.world.view();
        let mut changed = Vec::new();
        for task in view.tasks().filter(|task| !task.node_id.is_empty() && !is_over(task)) {
            let hasher = BuildHasherDefault::<DefaultHasher>::default();
            let is_chosen = hasher.hash_one((task.slot, &task.node_id, turn)) % parts == 0;
            if is_chosen && !node::is_lost(&view, &task.node_id) {
                changed.extend(moved(task, self.world.now_ns).map(Action::put));
            }
        }
        let some = !changed.is_empty();
        self.world.apply(changed);
        some
    }

    /// Until nobody has anything to do, however long one waits.
    pub(super) fn settle(&mut self) {
        let mut idle = 0;
        for _ in 0..2_000 {
            let busy = [self.plan(), self.place(), self.obey(0, 1)];
            idle = if busy.contains(&true) { 0 } else { idle + 1 };
            if idle > 0 {
                self.world.now_ns += 70 * SECOND;
            }
            if idle > 2 {
                return;
            }
        }
        panic!("it does not come to rest: {:#?}", self.world.state.tasks().collect::<Vec<_>>());
    }

    /// The state as a person reads it.
    pub(super) fn describe(&self) -> String {
        let service = self.world.service();
        let status = service.update_status.clone().unwrap_or_default();
        let head = format!("spec {} {:?} {}", service.spec_version, status.state(), status.message);
        let tasks = self.world.state.tasks_of_service("s").map(|task| {
            let (desired, state) = (task.desired_state(), task::state(task));
            let (node_id, err) = (&task.node_id, &task.status.as_ref().unwrap().err);
            format!(
                "{:?} on {node_id:?}: spec {} {desired:?} {state:?} {err}",
                place(task),
                task.spec_version
            )
        });
        std::iter::once(head).chain(tasks).collect::<Vec<_>>().join("\n")
    }

    /// How many places have a task that runs and is to.
    pub(super) fn serving(&self) -> u64 {
        let mut places: BTreeMap<Place, bool> = BTreeMap::new();
        for task in self.world.state.tasks_of_service("s") {
            let serves =
                task.desired_state() == TaskState::Running && task::state(task) == TaskState::Running;
            *places.entry(place(task)).or_default() |= serves;
        }
        places.values().filter(|serves| **serves).count() as u64
    }

    /// Most tasks of the service that may be meant to run on one node; zero: any number.
    pub(super) fn max_per_node(&self) -> u64 {
        let service = self.world.service();
        let task = service.spec.as_ref().and_then(|spec| spec.task.as_ref());
        task.and_then(|task| task.placement.as_ref()).map_or(0, |placement| placement.max_replicas)
    }

    fn check_nodes(&self) {
        let max = self.max_per_node();
        for node in self.world.state.nodes().filter(|_| max > 0) {
            let on = self.world.state.tasks_of_node(&node.id);
            let meant = on.filter(|task| is_live(task) && !is_over(task)).count() as u64;
            assert!(meant <= max, "{meant} tasks on {}", node.id);
        }
    }
}

/// What an agent reports next; none if the task is where it should be.
fn moved(task: &Arc<pb::Task>, now_ns: i64) -> Option<pb::Task> {
    let (state, desired) = (task::state(task), task.desired_state());
    let next = match desired {
        TaskState::Leaving if task.left_at_ns == 0 => {
            return Some(pb::Task { left_at_ns: now_ns, ..pb::Task::clone(task) });
        }
        _ if desired >= TaskState::Shutdown => TaskState::Shutdown,
        _ if state < TaskState::Ready => TaskState::Ready,
        TaskState::Running | TaskState::Leaving if state < TaskState::Running => TaskState::Running,
        _ => return None,
    };
    let status = pb::TaskStatus { state: next.into(), ..Default::default() };
    Some(task::with_status(task, status, now_ns))
}

/// Whether there is a reason to stop the task, which was live: any reason, of those there are.
fn has_cause(before: &View, after: &View, task: &pb::Task) -> bool {
    let Some(service) = before.service("s") else { return true };
    let spec = service.spec.clone().unwrap_or_default();
    let is_stale = (task.spec_version, task.job_iteration) != (service.spec_version, service.job_iteration);
    let node = before.node(&task.node_id);
    let is_left = !task.node_id.is_empty()
        && node.is_none_or(|node| {
            let is_drained = node::availability(node) == NodeAvailability::Drain;
            node::is_lost(before, &task.node_id) || is_drained || !suits(node, spec.task.as_ref().unwrap())
        });
    let meant = before.node(&task.for_node_id).map(|node| suits(node, spec.task.as_ref().unwrap()));
    let loses_node = !task.for_node_id.is_empty()
        && (meant != Some(true) || node::is_to_be_left(before, &task.for_node_id));
    let is_double = after.tasks_of_service("s").any(|other| {
        is_live(other) && place(other) == place(task) && other.spec_version == task.spec_version
    });
    service.removing
        || is_double
        || is_stale
        || is_over(task)
        || is_left
        || loses_node
        || is_too_many(after, &spec, task)
}

/// Whether there were more places than are wanted, or the task's place is done.
fn is_too_many(after: &View, spec: &pb::ServiceSpec, task: &pb::Task) -> bool {
    let live = |other: &&Arc<pb::Task>| is_live(other);
    let left = after.tasks_of_service("s").filter(live).count() as u64;
    match default::mode(spec) {
        Mode::Replicated(mode) => {
            let told = after.task(&task.id).expect("it is there");
            let gone = told.desired_state() == TaskState::Remove
                || told.leaving.as_ref().is_some_and(|leaving| leaving.then() == TaskState::Remove);
            gone && left >= mode.replicas.min(left)
        }
        Mode::Global(_) => false,
        Mode::ReplicatedJob(_) | Mode::GlobalJob(_) => {
            let of_place = after.tasks_of_service("s").filter(|other| place(other) == place(task));
            let done = of_place.filter(|other| task::state(other) == TaskState::Complete).count() > 0;
            done || left <= 1
        }
    }
}
