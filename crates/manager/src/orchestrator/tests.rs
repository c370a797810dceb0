//! The orchestrator against a simulated world: every task on a live node becomes what is desired of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use swarm_api::default;
use swarm_api::pb::{
    self, FailureAction, NodeAvailability, NodeState, RestartCondition, TaskState, UpdateOrder, UpdateState,
};

use super::Orchestrator;
use crate::node;
use crate::reconcile::Planner;
use crate::store::{Action, State, Transaction, View, apply};
use crate::task::{self, is_live, is_over};

const SECOND: i64 = 1_000_000_000;

struct World {
    state: State,
    now_ns: i64,
}

impl World {
    fn new(nodes: usize, spec: pb::ServiceSpec) -> World {
        let mut world = World { state: State::default(), now_ns: SECOND };
        for number in 0..nodes {
            let status = Some(pb::NodeStatus { state: NodeState::Ready.into(), ..Default::default() });
            let spec = Some(pb::NodeSpec::default());
            world.put(pb::Node { id: format!("n{number}"), spec, status, ..Default::default() });
        }
        world.put(pb::Service { id: "s".into(), spec: Some(spec), ..Default::default() });
        world
    }

    fn put(&mut self, object: impl Into<crate::store::Object>) {
        self.apply(vec![Action::put(object)]);
    }

    fn apply(&mut self, actions: Vec<Action>) {
        let index = self.state.index() + 1;
        apply(&mut self.state, Transaction { actions }, self.now_ns, index).unwrap();
    }

    fn view(&self) -> View {
        View::from(self.state.clone())
    }

    fn service(&self) -> Arc<pb::Service> {
        Arc::clone(self.state.service("s").unwrap())
    }

    fn update(&mut self, change: impl FnOnce(&mut pb::ServiceSpec)) {
        let mut service = pb::Service::clone(&self.service());
        change(service.spec.as_mut().unwrap());
        service.update_status = None;
        self.put(service);
    }

    /// One plan of the orchestrator. Whether there was anything to do.
    fn plan(&mut self) -> bool {
        let planned = Orchestrator.plan(&self.view(), &BTreeSet::from(["s".to_owned()]), self.now_ns);
        let some = !planned.actions.is_empty();
        self.apply(planned.actions);
        some
    }

    /// The rest of the cluster: tasks get nodes, and agents of live nodes do as they are told.
    fn obey(&mut self) -> bool {
        let view = self.view();
        let up: Vec<_> = view.nodes().filter(|node| !node::is_to_be_left(&view, &node.id)).collect();
        let mut changed = Vec::new();
        for (number, task) in view.tasks().enumerate() {
            let mut next = pb::Task::clone(task);
            if task.node_id.is_empty() {
                let Some(node) = up.get(number % up.len().max(1)).filter(|_| is_live(task)) else { continue };
                next.node_id.clone_from(&node.id);
            }
            if node::is_lost(&view, &next.node_id) || is_over(task) {
                continue;
            }
            let state = match task.desired_state() {
                TaskState::Ready => TaskState::Ready,
                TaskState::Running => TaskState::Running,
                _ => TaskState::Shutdown,
            };
            next.status.get_or_insert_default().set_state(state);
            if next != **task {
                changed.push(Action::put(next));
            }
        }
        let some = !changed.is_empty();
        self.apply(changed);
        some
    }

    /// Everybody acts until nobody has anything to do; time passes when only that helps.
    fn settle(&mut self) {
        for _ in 0..500 {
            let planned = self.plan();
            assert!(planned || self.running().len() <= self.live());
            if !self.obey() && !planned {
                self.now_ns += SECOND;
                if !self.plan() && !self.obey() && !self.later() {
                    return;
                }
            }
        }
        panic!("the world does not come to rest: {:#?}", self.state.tasks().collect::<Vec<_>>());
    }

    fn later(&mut self) -> bool {
        self.now_ns += 120 * SECOND;
        self.plan()
    }

    fn live(&self) -> usize {
        self.state.tasks_of_service("s").filter(|task| is_live(task)).count()
    }

    fn running(&self) -> Vec<Arc<pb::Task>> {
        let view = self.view();
        let runs = |task: &&Arc<pb::Task>| is_live(task) && task::state(task) == TaskState::Running;
        view.tasks_of_service("s").filter(runs).cloned().collect()
    }

    fn end(&mut self, task: &pb::Task, state: TaskState) {
        let mut task = pb::Task::clone(task);
        task.status.get_or_insert_default().set_state(state);
        self.put(task);
    }

    fn set_node(&mut self, number: usize, state: NodeState, availability: NodeAvailability) {
        let mut node = pb::Node::clone(self.state.node(&format!("n{number}")).unwrap());
        node.status.get_or_insert_default().set_state(state);
        node.spec.get_or_insert_default().set_availability(availability);
        self.put(node);
    }

    fn update_status(&self) -> pb::UpdateStatus {
        self.service().update_status.clone().unwrap_or_default()
    }
}

fn spec(replicas: u64) -> pb::ServiceSpec {
    pb::ServiceSpec {
        task: Some(pb::TaskSpec {
            container: Some(pb::ContainerSpec { image: "web".into(), ..Default::default() }),
            ..Default::default()
        }),
        mode: default::replicated(replicas),
        ..Default::default()
    }
}

fn set_image(spec: &mut pb::ServiceSpec, image: &str) {
    spec.task.as_mut().unwrap().container.as_mut().unwrap().image = image.into();
}

fn policy(spec: &mut pb::ServiceSpec) -> &mut pb::RestartPolicy {
    spec.task.as_mut().unwrap().restart.get_or_insert_default()
}

#[test]
fn replicas_have_slots_from_one_on() {
    let mut world = World::new(2, spec(3));
    world.settle();
    let mut slots: Vec<u64> = world.running().iter().map(|task| task.slot).collect();
    slots.sort_unstable();
    assert_eq!(slots, [1, 2, 3]);
}

#[test]
fn a_restart_waits_for_its_delay() {
    let mut world = World::new(1, spec(1));
    world.settle();
    let first = world.running().remove(0);
    world.end(&first, TaskState::Failed);
    world.plan();
    let view = world.view();
    let second = view.tasks_of_slot("s", 1).find(|task| task.id != first.id).unwrap();
    assert_eq!(second.desired_state(), TaskState::Ready);
    assert_eq!(second.not_before_ns, world.now_ns + 5 * SECOND, "five seconds where the spec is silent");
    let planned = Orchestrator.plan(&view, &BTreeSet::from(["s".to_owned()]), world.now_ns);
    assert_eq!(planned.wakes, [(second.not_before_ns, "s".to_owned())]);
    world.now_ns = second.not_before_ns;
    world.plan();
    assert_eq!(world.state.task(&second.id).unwrap().desired_state(), TaskState::Running);
}

#[test]
fn what_cannot_be_made_ready_is_tried_again_no_faster_than_the_delay() {
    let mut world = World::new(1, spec(1));
    let newest = |world: &World| world.view().tasks_of_slot("s", 1).find(|task| is_live(task)).cloned();
    world.plan();
    let mut made = BTreeSet::new();
    let begun_ns = world.now_ns;
    while world.now_ns < begun_ns + 20 * SECOND {
        let task = newest(&world).expect("a task");
        if made.insert(task.id.clone()) {
            world.end(&task, TaskState::Rejected);
        }
        world.plan();
        world.now_ns += SECOND / 10;
    }
    assert!((4..=6).contains(&made.len()), "the first, its successor, and one each five seconds: {made:?}");

    // A changed spec need not wait.
    world.update(|spec| spec.task.as_mut().unwrap().force_update += 1);
    let version = world.service().spec_version;
    for _ in 0..5 {
        world.plan();
    }
    assert_eq!(newest(&world).map(|task| task.spec_version), Some(version));
}

#[test]
fn the_restart_condition_decides() {
    for (condition, end, restarted) in [
        (RestartCondition::Any, TaskState::Complete, true),
        (RestartCondition::Any, TaskState::Failed, true),
        (RestartCondition::OnFailure, TaskState::Complete, false),
        (RestartCondition::OnFailure, TaskState::Rejected, true),
        (RestartCondition::None, TaskState::Failed, false),
    ] {
        let mut spec = spec(2);
        policy(&mut spec).set_condition(condition);
        let mut world = World::new(1, spec);
        world.settle();
        let first = world.running().remove(0);
        world.end(&first, end);
        world.settle();
        let expected = if restarted { 2 } else { 1 };
        assert_eq!(world.running().len(), expected, "{condition:?} after {end:?}");
        world.update(|spec| spec.task.as_mut().unwrap().force_update += 1);
        world.settle();
        assert_eq!(world.running().len(), 2, "a forced update starts it again");
    }
}

#[test]
fn attempts_are_counted_within_their_window() {
    let mut spec = spec(1);
    *policy(&mut spec) = pb::RestartPolicy {
        delay_ns: Some(0),
        max_attempts: 2,
        window_ns: 600 * SECOND,
        ..Default::default()
    };
    let mut world = World::new(1, spec);
    let fail = |world: &mut World, pause_ns: i64| {
        world.settle();
        world.now_ns += pause_ns;
        let running = world.running();
        running.iter().for_each(|task| world.end(task, TaskState::Failed));
        running.len()
    };
    // Far apart: for ever.
    for _ in 0..5 {
        assert_eq!(fail(&mut world, 1_000 * SECOND), 1);
    }
    // In a row: one and its two restarts.
    assert_eq!((0..5).map(|_| fail(&mut world, 0)).sum::<usize>(), 3);
}

#[test]
fn a_lost_node_is_replaced_at_once_and_a_drained_one_when_it_has_stopped() {
    let mut world = World::new(2, spec(4));
    world.settle();
    world.set_node(0, NodeState::Down, NodeAvailability::Active);
    world.plan();
    let view = world.view();
    let new: Vec<_> = view.tasks_of_node("").collect();
    assert!(!new.is_empty());
    assert!(new.iter().all(|task| task.desired_state() == TaskState::Running), "nobody is there to wait for");
    world.settle();
    assert!(world.running().iter().all(|task| task.node_id != "n0"));
    assert_eq!(world.running().len(), 4);

    world.set_node(0, NodeState::Ready, NodeAvailability::Active);
    world.set_node(1, NodeState::Ready, NodeAvailability::Drain);
    world.plan();
    let view = world.view();
    assert!(view.tasks_of_node("").all(|task| task.desired_state() == TaskState::Ready), "stopped first");
    world.settle();
    assert!(world.running().iter().all(|task| task.node_id == "n0"));
    assert_eq!(world.running().len(), 4);
}

#[test]
fn those_that_do_not_run_are_given_up_first() {
    let mut world = World::new(2, spec(4));
    world.settle();
    let failed = world.running().remove(1);
    world.end(&failed, TaskState::Failed);
    world.plan();
    world.update(|spec| spec.mode = default::replicated(3));
    world.settle();
    assert_eq!(world.running().len(), 3);
    assert!(world.running().iter().all(|task| task.slot != failed.slot));
}

#[test]
fn an_update_goes_slot_by_slot_and_completes_after_its_monitor() {
    let mut world = World::new(1, spec(3));
    world.settle();
    world.update(|spec| set_image(spec, "web:2"));
    world.plan();
    assert_eq!(world.update_status().state(), UpdateState::Updating);
    assert_eq!(world.running().len(), 2, "one was told to stop");
    world.plan();
    assert_eq!(world.running().len(), 2, "and no other while it is on its way");
    for _ in 0..30 {
        world.plan();
        world.obey();
        assert!(world.running().len() >= 2);
    }
    assert_eq!(world.update_status().state(), UpdateState::Updating, "it is still watched");
    world.settle();
    let status = world.update_status();
    assert_eq!((status.state(), status.message.as_str()), (UpdateState::Completed, "update completed"));
    assert!(world.running().iter().all(|task| task.spec_version == world.service().spec_version));
}

#[test]
fn an_update_that_starts_first_never_has_fewer() {
    let mut world = World::new(1, spec(3));
    world.settle();
    world.update(|spec| {
        set_image(spec, "web:2");
        spec.update = Some(pb::UpdateConfig {
            order: UpdateOrder::StartFirst.into(),
            parallelism: 2,
            ..Default::default()
        });
    });
    for _ in 0..30 {
        world.plan();
        assert!(world.running().len() >= 3);
        world.obey();
    }
    world.settle();
    assert_eq!(world.running().len(), 3);
    assert_eq!(world.update_status().state(), UpdateState::Completed);
}

#[test]
fn a_failure_pauses_an_update_unless_it_may_go_on() {
    for action in [FailureAction::Pause, FailureAction::Continue] {
        let mut world = World::new(1, spec(3));
        world.settle();
        world.update(|spec| {
            set_image(spec, "web:2");
            policy(spec).delay_ns = Some(0);
            spec.update = Some(pb::UpdateConfig {
                failure_action: action.into(),
                parallelism: 1,
                ..Default::default()
            });
        });
        world.plan();
        world.obey();
        world.plan();
        world.obey();
        let version = world.service().spec_version;
        let failed = world.running().into_iter().find(|task| task.spec_version == version).unwrap();
        world.end(&failed, TaskState::Failed);
        world.settle();
        let status = world.update_status();
        if action == FailureAction::Continue {
            assert_eq!(status.state(), UpdateState::Completed);
        } else {
            let id = &failed.id;
            let message = format!("update paused due to failure or early termination of task {id}");
            assert_eq!((status.state(), status.message), (UpdateState::Paused, message));
            assert!(world.running().iter().any(|task| task.spec_version != version));
        }
        assert_eq!(world.running().len(), 3);
    }
}

#[test]
fn a_service_that_is_removed_wants_all_its_tasks_removed() {
    let mut world = World::new(1, spec(2));
    world.settle();
    let mut service = pb::Service::clone(&world.service());
    service.removing = true;
    world.put(service);
    world.settle();
    assert!(world.state.tasks().all(|task| task.desired_state() == TaskState::Remove));
}

#[derive(Clone, Debug)]
enum Blow {
    Scale(u64),
    Image(u8),
    Fail(usize),
    Node(usize, NodeState, NodeAvailability),
    Plan,
    Obey,
}

fn blow() -> impl Strategy<Value = Blow> {
    let node_state = prop_oneof![Just(NodeState::Ready), Just(NodeState::Down)];
    let availability = prop_oneof![Just(NodeAvailability::Active), Just(NodeAvailability::Drain)];
    prop_oneof![
        (0..6_u64).prop_map(Blow::Scale),
        any::<u8>().prop_map(Blow::Image),
        any::<usize>().prop_map(Blow::Fail),
        (0..3_usize, node_state, availability).prop_map(|(n, state, a)| Blow::Node(n, state, a)),
        Just(Blow::Plan),
        Just(Blow::Obey),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_replicas_come_back(blows in proptest::collection::vec(blow(), 0..40)) {
        let mut start = spec(3);
        policy(&mut start).delay_ns = Some(SECOND);
        let mut world = World::new(3, start);
        for blow in blows {
            match blow {
                Blow::Scale(replicas) => {
                    world.update(|spec| spec.mode = default::replicated(replicas));
                }
                Blow::Image(number) => world.update(|spec| set_image(spec, &format!("web:{number}"))),
                Blow::Fail(which) => {
                    let running = world.running();
                    if let Some(task) = running.get(which % running.len().max(1)) {
                        world.end(task, TaskState::Failed);
                    }
                }
                Blow::Node(number, state, availability) => world.set_node(number, state, availability),
                Blow::Plan => drop(world.plan()),
                Blow::Obey => drop(world.obey()),
            }
        }
        for number in 0..3 {
            world.set_node(number, NodeState::Ready, NodeAvailability::Active);
        }
        // A last change of mind, so that no pause of an earlier update stays.
        world.update(|spec| set_image(spec, "web:last"));
        world.settle();
        let replicas = default::replicas(world.service().spec.as_ref().unwrap());
        prop_assert_eq!(world.running().len() as u64, replicas);
        prop_assert_eq!(world.live() as u64, replicas);
        let version = world.service().spec_version;
        prop_assert!(world.running().iter().all(|task| task.spec_version == version));
    }
}
