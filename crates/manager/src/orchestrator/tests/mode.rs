//! Global services and jobs.

use swarm_api::pb::service_spec::Mode;
use swarm_api::pb::{self, NodeAvailability, NodeState, RestartCondition, TaskState, UpdateState};

use super::world::*;

fn of(mode: Mode) -> pb::ServiceSpec {
    pb::ServiceSpec { mode: Some(mode), ..spec(0) }
}

fn job(max_concurrent: u64, total_completions: u64) -> pb::ServiceSpec {
    let mut spec = of(Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions }));
    *policy(&mut spec) = pb::RestartPolicy {
        condition: RestartCondition::OnFailure.into(),
        delay_ns: Some(0),
        ..Default::default()
    };
    spec
}

fn nodes_of(world: &World) -> Vec<String> {
    let mut nodes: Vec<String> = world.running().iter().map(|task| task.node_id.clone()).collect();
    nodes.sort_unstable();
    nodes
}

/// Ends everything that runs, until nothing does; how often something completed in the present run.
fn complete_all(world: &mut World, at_most: usize) -> usize {
    for _ in 0..100 {
        world.settle();
        let running = world.running();
        assert!(running.len() <= at_most, "{} at once", running.len());
        if running.is_empty() {
            break;
        }
        running.iter().for_each(|task| world.end(task, TaskState::Complete));
    }
    let run = world.service().job_iteration;
    let completes = |task: &&std::sync::Arc<pb::Task>| {
        task.job_iteration == run && crate::task::state(task) == TaskState::Complete
    };
    world.state.tasks_of_service("s").filter(completes).count()
}

#[test]
fn a_global_service_has_one_task_on_each_node_and_follows_them() {
    let mut world = World::new(2, of(Mode::Global(pb::GlobalService {})));
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1"]);
    assert!(world.running().iter().all(|task| task.slot == 0));
    world.add_node(2);
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1", "n2"]);
    world.set_node(0, NodeState::Ready, NodeAvailability::Drain);
    world.set_node(1, NodeState::Ready, NodeAvailability::Pause);
    world.settle();
    assert_eq!(nodes_of(&world), ["n1", "n2"], "a pause leaves what there is");
    world.set_node(2, NodeState::Down, NodeAvailability::Active);
    world.set_node(0, NodeState::Ready, NodeAvailability::Active);
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1"]);
    world.remove_node(0);
    world.settle();
    assert_eq!(nodes_of(&world), ["n1"]);
    let of_gone = |task: &&std::sync::Arc<pb::Task>| task.for_node_id == "n0";
    assert!(world.state.tasks().filter(of_gone).all(|task| task.desired_state() == TaskState::Remove));
}

#[test]
fn a_global_service_leaves_nodes_that_suit_it_no_longer() {
    let mut spec = of(Mode::Global(pb::GlobalService {}));
    let constraints = vec!["node.labels.disk==ssd".to_owned()];
    spec.task.as_mut().unwrap().placement = Some(pb::Placement { constraints, ..Default::default() });
    let mut world = World::new(2, spec);
    world.settle();
    assert!(world.running().is_empty());
    world.set_label(1, "disk", "ssd");
    world.settle();
    assert_eq!(nodes_of(&world), ["n1"]);
    world.set_label(1, "disk", "tape");
    world.settle();
    assert!(world.running().is_empty());
}

#[test]
fn a_global_service_restarts_and_updates_on_its_node() {
    let mut world = World::new(3, of(Mode::Global(pb::GlobalService {})));
    world.settle();
    let failed = world.running().remove(0);
    world.end(&failed, TaskState::Failed);
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1", "n2"]);
    world.update(|spec| set_image(spec, "web:2"));
    for _ in 0..40 {
        world.plan();
        assert!(world.running().len() >= 2, "one node at a time");
        world.obey();
    }
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1", "n2"]);
    assert_eq!(world.update_status().state(), UpdateState::Completed);
}

#[test]
fn an_update_leaves_alone_what_is_on_a_paused_node_until_it_is_active() {
    let mut world = World::new(3, of(Mode::Global(pb::GlobalService {})));
    world.settle();
    world.set_node(1, NodeState::Ready, NodeAvailability::Pause);
    world.update(|spec| set_image(spec, "web:2"));
    let stale = |world: &World| -> Vec<String> {
        let version = world.service().spec_version;
        let running = world.running();
        running.iter().filter(|task| task.spec_version != version).map(|task| task.node_id.clone()).collect()
    };
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1", "n2"], "nothing could come in its place");
    assert_eq!(stale(&world), ["n1"]);
    assert_eq!(world.update_status().state(), UpdateState::Completed);
    world.set_node(1, NodeState::Ready, NodeAvailability::Active);
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1", "n2"]);
    assert_eq!(stale(&world), Vec::<String>::new());
    assert_eq!(world.update_status().state(), UpdateState::Completed);
}

#[test]
fn a_job_completes_so_often_and_no_more_than_so_many_run_at_once() {
    let mut world = World::new(2, job(3, 8));
    assert_eq!(complete_all(&mut world, 3), 8);
    assert_eq!(world.live(), 0);
    let mut slots: Vec<u64> = world.state.tasks_of_service("s").map(|task| task.slot).collect();
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2, 3, 4, 5, 6, 7], "as clients expect them");
    // And nothing comes of looking at it again.
    world.settle();
    assert_eq!(world.live(), 0);
}

#[test]
fn what_fails_in_a_job_is_run_again_unless_its_policy_says_no() {
    let mut world = World::new(1, job(2, 4));
    world.settle();
    for task in world.running() {
        world.end(&task, TaskState::Failed);
    }
    assert_eq!(complete_all(&mut world, 2), 4);

    let mut spec = job(2, 4);
    policy(&mut spec).set_condition(RestartCondition::None);
    let mut world = World::new(1, spec);
    world.settle();
    let failed = world.running().remove(0);
    world.end(&failed, TaskState::Failed);
    assert_eq!(complete_all(&mut world, 2), 3, "what failed stays failed");
}

#[test]
fn whatever_the_condition_a_job_that_completed_is_done() {
    let mut spec = job(1, 1);
    policy(&mut spec).set_condition(RestartCondition::Any);
    let mut world = World::new(1, spec);
    assert_eq!(complete_all(&mut world, 1), 1);
    assert_eq!(world.live(), 0);
}

#[test]
fn an_update_begins_another_run_of_a_job() {
    let mut world = World::new(1, job(2, 3));
    assert_eq!(complete_all(&mut world, 2), 3);
    world.update(|_| {});
    world.settle();
    assert_eq!(world.running().len(), 2);
    assert_eq!(complete_all(&mut world, 2), 3);
    let earlier = |task: &&std::sync::Arc<pb::Task>| task.job_iteration == 1;
    assert!(world.state.tasks().filter(earlier).all(|task| task.desired_state() == TaskState::Remove));
}

#[test]
fn a_job_leaves_lost_and_drained_nodes_and_counts_a_late_completion_once() {
    let mut world = World::new(2, job(4, 4));
    world.settle();
    let lost: Vec<_> = world.running().into_iter().filter(|task| task.node_id == "n0").collect();
    assert!(!lost.is_empty());
    world.set_node(0, NodeState::Down, NodeAvailability::Active);
    world.settle();
    assert_eq!(world.running().len(), 4);
    // It had done its work before its node came back.
    world.set_node(0, NodeState::Ready, NodeAvailability::Active);
    world.end(&lost[0], TaskState::Complete);
    world.settle();
    assert_eq!(world.running().len(), 3, "what runs a second time is stopped");
    assert_eq!(complete_all(&mut world, 4), 4);
}

#[test]
fn a_global_job_runs_once_on_each_node_that_was_there() {
    let mut spec = job(0, 0);
    spec.mode = Some(Mode::GlobalJob(pb::GlobalJob {}));
    let mut world = World::new(2, spec);
    world.settle();
    assert_eq!(nodes_of(&world), ["n0", "n1"]);
    world.now_ns += SECOND;
    world.add_node(2);
    assert_eq!(complete_all(&mut world, 2), 2, "not on one that came later");
    world.update(|_| {});
    assert_eq!(complete_all(&mut world, 3), 3);
}
