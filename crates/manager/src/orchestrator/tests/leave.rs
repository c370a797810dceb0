//! Tasks that leave before they stop, and nodes that are drained.

use swarm_api::default;
use swarm_api::pb::{self, NodeAvailability, NodeState, RestartCondition, TaskState};

use super::world::*;
use crate::task;

/// A service with a published port, whose tasks therefore are balanced to.
fn balanced(replicas: u64) -> pb::ServiceSpec {
    let port = pb::PortConfig { target_port: 80, published_port: 8080, ..Default::default() };
    pb::ServiceSpec {
        endpoint: Some(pb::EndpointSpec { ports: vec![port], ..Default::default() }),
        ..spec(replicas)
    }
}

fn only(world: &World) -> std::sync::Arc<pb::Task> {
    std::sync::Arc::clone(world.state.tasks_of_service("s").next().unwrap())
}

#[test]
fn what_is_balanced_to_leaves_and_drains_before_it_is_told_to_stop() {
    let mut world = World::new(1, balanced(1));
    world.settle();
    world.update(|spec| spec.mode = default::replicated(0));
    world.plan();
    let leaving = only(&world);
    assert_eq!(leaving.desired_state(), TaskState::Leaving);
    assert_eq!(leaving.leaving.unwrap().then(), TaskState::Remove);
    world.now_ns += 30 * SECOND;
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Leaving, "a balancer has not answered");
    world.obey();
    assert_eq!(only(&world).left_at_ns, world.now_ns);
    world.now_ns += SECOND;
    assert!(!world.plan(), "two seconds to drain");
    world.now_ns += SECOND;
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Remove);
}

#[test]
fn under_a_new_leader_the_time_to_drain_begins_anew() {
    let mut world = World::new(1, balanced(1));
    world.settle();
    world.update(|spec| spec.mode = default::replicated(0));
    world.plan();
    world.obey();
    // The leader is lost, and so long there is none that could be asked who has left.
    world.now_ns += 3 * SECOND;
    world.leads_since_ns = world.now_ns;
    world.now_ns += SECOND;
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Leaving);
    // Not by a clock that was set back meanwhile.
    world.leads_since_ns = world.now_ns + 3600 * SECOND;
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Remove);
}

#[test]
fn a_balancer_that_never_answers_is_waited_for_a_minute() {
    let mut world = World::new(1, balanced(1));
    world.settle();
    world.update(|spec| spec.mode = default::replicated(0));
    world.plan();
    world.now_ns += 59 * SECOND;
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Leaving);
    world.now_ns += SECOND;
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Remove);
}

#[test]
fn who_is_balanced_to_by_nobody_does_not_wait() {
    let mut world = World::new(2, spec(1));
    world.settle();
    world.update(|spec| spec.mode = default::replicated(0));
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Remove);
    // Unless it is asked for, or nobody is there who could be served.
    let mut world = World::new(1, spec(1));
    world.settle();
    world.update(|spec| {
        spec.drain_time_ns = Some(5 * SECOND);
        spec.mode = default::replicated(0);
    });
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Leaving);
    world.end(&only(&world), TaskState::Failed);
    world.plan();
    assert_eq!(only(&world).desired_state(), TaskState::Remove, "it has ended");
}

#[test]
fn a_lost_node_is_not_drained() {
    let mut world = World::new(2, balanced(2));
    world.settle();
    world.set_node(0, NodeState::Down, NodeAvailability::Active);
    world.plan();
    let lost = |task: &&std::sync::Arc<pb::Task>| task.node_id == "n0";
    assert!(world.state.tasks().filter(lost).all(|task| task.desired_state() == TaskState::Shutdown));
}

#[test]
fn a_drained_node_is_left_when_the_replacements_run() {
    for spec in [spec(4), balanced(4)] {
        let mut world = World::new(3, spec);
        world.settle();
        world.set_node(1, NodeState::Ready, NodeAvailability::Drain);
        for _ in 0..60 {
            world.plan();
            let serving = world.running().len();
            assert!(serving >= 4, "{serving} of 4 replicas");
            world.obey();
            world.now_ns += SECOND / 4;
        }
        world.settle();
        assert_eq!(world.running().len(), 4);
        assert!(world.running().iter().all(|task| task.node_id != "n1"));
    }
}

#[test]
fn a_node_that_is_back_in_use_keeps_what_runs_there() {
    let mut world = World::new(2, spec(2));
    world.settle();
    let before = world.running();
    let node_id = before[0].node_id.clone();
    let number = usize::from(node_id == "n1");
    world.set_node(number, NodeState::Ready, NodeAvailability::Drain);
    world.plan();
    assert!(world.live() > 2, "replacements are on their way");
    world.set_node(number, NodeState::Ready, NodeAvailability::Active);
    world.settle();
    assert_eq!(world.running(), before);
}

#[test]
fn a_drained_node_is_left_all_the_same_where_nothing_can_replace_it() {
    // Nowhere to go to: the scheduler says so.
    let mut world = World::new(1, spec(1));
    world.settle();
    let old = only(&world);
    world.set_node(0, NodeState::Ready, NodeAvailability::Drain);
    world.plan();
    assert_eq!(world.state.task(&old.id).unwrap().desired_state(), TaskState::Running);
    let new = world.state.tasks().find(|task| task.id != old.id).unwrap();
    let mut waiting = task::with_state(new, TaskState::Pending, "pending task scheduling", world.now_ns);
    waiting.status.as_mut().unwrap().err = "no suitable node".to_owned();
    world.put(waiting);
    world.plan();
    assert_eq!(world.state.task(&old.id).unwrap().desired_state(), TaskState::Shutdown);
}

#[test]
fn replacements_that_fail_keep_to_their_policy_and_hold_a_drain_up_for_a_minute() {
    for (condition, most) in [(RestartCondition::Any, 14), (RestartCondition::None, 2)] {
        let mut spec = spec(1);
        policy(&mut spec).set_condition(condition);
        let mut world = World::new(2, spec);
        world.settle();
        let old = world.running().remove(0);
        let number = usize::from(old.node_id == "n1");
        world.set_node(number, NodeState::Ready, NodeAvailability::Drain);
        let begun_ns = world.now_ns;
        while world.state.task(&old.id).unwrap().desired_state() == TaskState::Running {
            world.plan();
            world.obey();
            world.plan();
            let new: Vec<_> = world.state.tasks().filter(|task| task.id != old.id).cloned().collect();
            let unready = new.iter().filter(|task| !task::is_over(task) && !task.node_id.is_empty());
            unready.for_each(|task| world.end(task, TaskState::Rejected));
            world.now_ns += SECOND;
            assert!(world.now_ns <= begun_ns + 62 * SECOND, "{condition:?}");
        }
        let made = world.state.tasks().count();
        assert!(made <= most, "{made} tasks in a minute, {condition:?}");
    }
}
