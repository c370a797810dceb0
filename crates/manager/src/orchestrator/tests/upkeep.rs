//! What every mode does: restarts, lost nodes, scale.

use std::collections::BTreeSet;

use swarm_api::default;
use swarm_api::pb::{self, NodeAvailability, NodeState, RestartCondition, TaskState};

use super::world::*;
use crate::reconcile::Planner;
use crate::task::is_live;

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
    let planned = world.orchestrator().plan(&view, &BTreeSet::from(["s".to_owned()]), world.now_ns);
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
fn a_lost_node_is_replaced_at_once() {
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
fn a_service_that_is_removed_wants_all_its_tasks_removed() {
    let mut world = World::new(1, spec(2));
    world.settle();
    let mut service = pb::Service::clone(&world.service());
    service.removing = true;
    world.put(service);
    world.settle();
    assert!(world.state.tasks().all(|task| task.desired_state() == TaskState::Remove));
}
