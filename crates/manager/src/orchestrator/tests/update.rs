//! Updates: how many at a time, in which order, and what a failure does.

use swarm_api::pb::{self, FailureAction, TaskState, UpdateOrder, UpdateState};

use super::world::*;

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

fn rolling_back(spec: &mut pb::ServiceSpec) {
    let config = pb::UpdateConfig {
        failure_action: FailureAction::Rollback.into(),
        parallelism: 1,
        ..Default::default()
    };
    spec.update = Some(config);
}

fn new_ones(world: &World) -> Vec<std::sync::Arc<pb::Task>> {
    let version = world.service().spec_version;
    world.running().into_iter().filter(|task| task.spec_version == version).collect()
}

/// Until so many tasks of the new spec run.
fn until_new(world: &mut World, count: usize) {
    for _ in 0..100 {
        if new_ones(world).len() >= count {
            return;
        }
        world.plan();
        world.obey();
        world.now_ns += SECOND / 10;
    }
    panic!("{count} new tasks do not come");
}

#[test]
fn a_failure_rolls_back_and_leaves_alone_what_was_not_replaced() {
    let mut world = World::new(1, spec(4));
    world.settle();
    let before = world.running();
    world.update(|spec| {
        set_image(spec, "web:2");
        rolling_back(spec);
    });
    until_new(&mut world, 2);
    let failed = new_ones(&world).remove(1);
    world.end(&failed, TaskState::Failed);
    world.plan();
    let status = world.update_status();
    let message = format!("update rolled back due to failure or early termination of task {}", failed.id);
    assert_eq!((status.state(), status.message), (UpdateState::RollbackStarted, message));
    assert_eq!(world.service().previous_spec, None);
    world.settle();
    let status = world.update_status();
    assert_eq!(
        (status.state(), status.message.as_str()),
        (UpdateState::RollbackCompleted, "rollback completed")
    );
    let image = |task: &pb::Task| task.spec.clone().unwrap().container.unwrap().image;
    assert!(world.running().iter().all(|task| image(task) == "web"));
    let kept = before.iter().filter(|task| world.running().iter().any(|now| now.id == task.id));
    assert_eq!(kept.count(), 2, "those that were not replaced yet");
}

#[test]
fn what_fails_on_the_way_back_pauses() {
    let mut world = World::new(1, spec(3));
    world.settle();
    world.update(|spec| {
        set_image(spec, "web:2");
        rolling_back(spec);
    });
    until_new(&mut world, 1);
    let failed = new_ones(&world).remove(0);
    world.end(&failed, TaskState::Failed);
    world.plan();
    world.plan();
    let back = world.view();
    let version = world.service().spec_version;
    let is_new = |task: &&std::sync::Arc<pb::Task>| task.spec_version == version && task.node_id.is_empty();
    let failed = back.tasks_of_service("s").find(is_new).unwrap();
    world.end(failed, TaskState::Rejected);
    world.settle();
    let message = format!("rollback paused due to failure or early termination of task {}", failed.id);
    let status = world.update_status();
    assert_eq!((status.state(), status.message), (UpdateState::RollbackPaused, message));
}

#[test]
fn what_fails_later_than_the_monitor_is_the_restart_policys() {
    let mut world = World::new(1, spec(2));
    world.settle();
    world.update(|spec| {
        set_image(spec, "web:2");
        rolling_back(spec);
        spec.update.as_mut().unwrap().delay_ns = 60 * SECOND;
    });
    until_new(&mut world, 1);
    let first = new_ones(&world).remove(0);
    world.now_ns += 6 * SECOND;
    world.end(&first, TaskState::Failed);
    world.settle();
    assert_eq!(world.update_status().state(), UpdateState::Completed);
    assert_eq!(new_ones(&world).len(), 2);
}

#[test]
fn failures_of_a_share_of_the_places_are_borne() {
    for (ratio, expected) in [(0.5, UpdateState::Completed), (0.2, UpdateState::Paused)] {
        let mut world = World::new(1, spec(4));
        world.settle();
        world.update(|spec| {
            set_image(spec, "web:2");
            policy(spec).delay_ns = Some(0);
            spec.update =
                Some(pb::UpdateConfig { parallelism: 1, max_failure_ratio: ratio, ..Default::default() });
        });
        until_new(&mut world, 1);
        // Twice in one place counts as one.
        for _ in 0..2 {
            until_new(&mut world, 1);
            let failed = new_ones(&world).remove(0);
            world.end(&failed, TaskState::Failed);
            world.plan();
            world.obey();
        }
        world.settle();
        assert_eq!(world.update_status().state(), expected, "{ratio}");
    }
}

#[test]
fn a_place_that_fails_holds_up_no_other_if_failures_are_passed_over() {
    let mut world = World::new(1, spec(3));
    world.settle();
    world.update(|spec| {
        set_image(spec, "web:2");
        policy(spec).set_condition(pb::RestartCondition::None);
        spec.update = Some(pb::UpdateConfig {
            failure_action: FailureAction::Continue.into(),
            order: UpdateOrder::StartFirst.into(),
            parallelism: 1,
            ..Default::default()
        });
    });
    until_new(&mut world, 0);
    world.plan();
    let view = world.view();
    let first =
        view.tasks_of_service("s").find(|task| task.desired_state() == TaskState::Ready).or_else(|| {
            view.tasks_of_service("s").find(|task| task.spec_version == world.service().spec_version)
        });
    world.end(first.unwrap(), TaskState::Rejected);
    world.settle();
    assert_eq!(world.update_status().state(), UpdateState::Completed);
    assert_eq!(new_ones(&world).len(), 2);
    assert_eq!(world.running().len(), 3, "the old one stays where the new one cannot be");
}

#[test]
fn another_update_takes_the_place_of_one_that_is_under_way_or_paused() {
    let mut world = World::new(1, spec(3));
    world.settle();
    world.update(|spec| set_image(spec, "web:2"));
    until_new(&mut world, 1);
    world.update(|spec| set_image(spec, "web:3"));
    assert_eq!(world.update_status().state(), UpdateState::None);
    until_new(&mut world, 1);
    let failed = new_ones(&world).remove(0);
    world.end(&failed, TaskState::Failed);
    world.settle();
    assert_eq!(world.update_status().state(), UpdateState::Paused);
    // Whatever is changed: it goes on.
    world.update(|spec| spec.annotations.get_or_insert_default().labels.extend([("a".into(), "b".into())]));
    world.settle();
    assert_eq!(world.update_status().state(), UpdateState::Completed);
    assert_eq!(new_ones(&world).len(), 3);
}

#[test]
fn what_is_no_part_of_a_task_restarts_nothing() {
    let mut world = World::new(1, spec(2));
    world.settle();
    let before = world.running();
    world.update(|spec| {
        rolling_back(spec);
        spec.rollback = Some(pb::UpdateConfig::default());
        spec.drain_time_ns = Some(1);
        spec.endpoint = Some(pb::EndpointSpec::default());
    });
    world.settle();
    assert_eq!(world.running(), before);
    assert_eq!(world.update_status().state(), UpdateState::None);
}
