//! Restart policies while the engine lives.

use crate::world::{World, eventually};
use engine::spec::RestartCondition;
use engine::{Status, StopOptions};

#[test]
fn failures_are_tried_again_so_often() {
    let world = World::new();
    world.create_with("one", "echo run; exit 4", |spec| {
        spec.host.restart_policy.name = RestartCondition::OnFailure;
        spec.host.restart_policy.maximum_retry_count = 2;
    });
    world.start("one");
    assert_eq!(world.exit_code("one"), 4, "the first end is told to who waits for it");
    let record = eventually("there is no try left", || match world.inspect("one") {
        record if record.state.status == Status::Exited => Ok(record),
        record => Err(record.state.status),
    });
    assert_eq!((record.restart_count, record.state.status), (2, Status::Exited));
    assert_eq!(world.logs("one"), "run\nrun\nrun\n");
}

#[test]
fn a_stop_ends_the_circle() {
    let world = World::new();
    world.create_with("one", "exit 1", |spec| spec.host.restart_policy.name = RestartCondition::Always);
    world.start("one");
    eventually("it is tried again", || match world.inspect("one").restart_count {
        0 => Err("not yet"),
        _ => Ok(()),
    });
    world.wait(world.containers().stop("one", StopOptions::default())).unwrap();
    assert_eq!(world.inspect("one").state.status, Status::Exited);
    let count = world.inspect("one").restart_count;
    world.start("one");
    assert!(world.inspect("one").restart_count <= count.max(1), "a user's start counts from the beginning");
}
