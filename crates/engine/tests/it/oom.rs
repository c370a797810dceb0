//! Lack of memory is told when it happens, once, also of a container that lives on.

use crate::world::{World, eventually};
use engine::Status;
use futures_util::StreamExt;

/// Ends a child for lack of memory, and goes on.
const SURVIVES: &str = "head -c 100m /dev/zero | tail; touch /done; sleep 1000";

#[test]
fn a_process_that_was_ended_for_lack_of_memory_is_told_at_once() {
    let world = World::new();
    world.create_with("one", SURVIVES, |spec| {
        spec.host.resources.memory = 16 << 20;
        spec.host.resources.memory_swap = 16 << 20;
    });
    world.start("one");
    let record = eventually("it is told", || match world.inspect("one") {
        record if record.state.oom_killed => Ok(record),
        record => Err(record.state.status),
    });
    assert_eq!(record.state.status, Status::Running, "it lives on");
    let kill = engine::StopOptions { signal: Some("KILL".into()), ..Default::default() };
    world.wait(world.containers().stop("one", kill)).unwrap();
    assert!(world.inspect("one").state.oom_killed, "and has not forgotten");
    let told = world.wait(async {
        let events = world.engine().events.subscribe(Some(1), Some(i64::MAX - 1), i64::MAX);
        events.filter(|event| std::future::ready(event.action == "oom")).count().await
    });
    assert_eq!(told, 1);
    world.start("one");
    assert!(!world.inspect("one").state.oom_killed, "a new run has a clean record");
}
