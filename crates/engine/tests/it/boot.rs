//! The machine was started anew: nothing lives, and what an old exec root tells is not believed.

use crate::world::{World, eventually, is_alive};
use engine::spec::RestartCondition;
use engine::{Status, StopOptions};
use std::fs;

#[test]
fn after_another_boot_policies_speak_and_the_rest_has_ended() {
    use RestartCondition::{Always, No, OnFailure, UnlessStopped};
    let mut world = World::new();
    let boot_id = world.dir.path().join("boot-id");
    fs::write(&boot_id, "one").unwrap();
    world.config.boot_id.clone_from(&boot_id);
    world.crash();
    world.open();
    for (name, policy) in [
        ("no", No),
        ("always", Always),
        ("unless", UnlessStopped),
        ("failure", OnFailure),
        ("stopped", UnlessStopped),
    ] {
        world.create_with(name, "sleep 1000", |spec| spec.host.restart_policy.name = policy);
        world.start(name);
    }
    world.create_with("removed", "sleep 1000", |spec| spec.host.auto_remove = true);
    world.start("removed");
    let kill = StopOptions { signal: Some("KILL".into()), ..StopOptions::default() };
    world.wait(world.containers().stop("stopped", kill)).unwrap();
    let before: Vec<u32> =
        ["no", "always", "unless", "failure"].map(|name| world.inspect(name).state.pid).into();
    world.crash();
    fs::write(&boot_id, "two").unwrap();
    world.open();
    for name in ["always", "unless", "failure"] {
        let record = eventually("it runs again", || match world.inspect(name) {
            record if record.state.status == Status::Running => Ok(record),
            record => Err(record.state.status),
        });
        assert!(!before.contains(&record.state.pid), "{name} is another process");
        assert_eq!(record.restart_count, 0, "{name}: the count starts anew");
    }
    for (name, code) in [("no", 255), ("stopped", 137)] {
        let state = world.inspect(name).state.clone();
        assert_eq!((state.status, state.exit_code, state.pid), (Status::Exited, code, 0), "{name}");
    }
    for pid in before {
        eventually("no process of the old boot is left", || if is_alive(pid) { Err(pid) } else { Ok(()) });
    }
    eventually("what was to go with its end is gone", || match world.containers().inspect("removed") {
        Ok(record) => Err(record.state.status),
        Err(_) => Ok(()),
    });
}
