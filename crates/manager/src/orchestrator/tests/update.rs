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
