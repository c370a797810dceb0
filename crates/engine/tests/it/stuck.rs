//! A container that hangs in its making holds up nobody else.

use crate::world::{World, is_alive};
use engine::{RemoveOptions, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// What a look at snapshots may take, on a busy machine; the hang lasts until the test ends it.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What opening an engine may take while a shim is silent.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn looking_and_other_containers_do_not_wait_for_one_that_hangs() {
    let mut world = World::new();
    world.create("stuck", "true");
    world.crash();
    let (real, fake) = (world.config.libexec.clone(), world.dir.path().join("libexec"));
    fs::create_dir(&fake).unwrap();
    std::os::unix::fs::symlink(real.join("shoal-net"), fake.join("shoal-net")).unwrap();
    // A shim that says nothing, and then dies of itself.
    let (shim, go) = (fake.join("shoal-shim"), world.dir.path().join("go"));
    fs::write(&shim, format!("#!/bin/sh\nwhile [ ! -e {} ]; do /bin/sleep 0.02; done\n", go.display()))
        .unwrap();
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    world.config.libexec = fake;
    world.open();

    let containers = world.containers();
    let starting = world.spawn(async move { containers.start("stuck").await });
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(world.containers().list().len(), 1);
        assert_eq!(world.inspect("stuck").state.status, Status::Created);
    }
    world.create("other", "true");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(!starting.is_finished());

    fs::write(go, "").unwrap();
    let error = world.wait(starting).unwrap().unwrap_err();
    assert!(error.to_string().contains("ended before the container was made"), "{error}");
    assert_eq!(world.inspect("stuck").state.exit_code, 128);
    assert!(world.exec_dirs().is_empty());
}

#[test]
fn a_shim_that_does_not_answer_is_removed_by_force() {
    let world = World::new();
    world.create("frozen", "sleep 1000");
    world.start("frozen");
    let first = world.inspect("frozen").state.pid;
    let shim = freeze_shim_of(first);

    let force = RemoveOptions { force: true, volumes: false };
    world.wait(world.containers().remove("frozen", force)).unwrap();
    assert!(!is_alive(first) && !is_alive(shim.as_raw().unsigned_abs()));
    world.nothing_is_left();
}

#[test]
fn a_shim_that_does_not_answer_holds_up_no_restart_of_the_engine() {
    let mut world = World::new();
    world.create("frozen", "sleep 1000");
    world.start("frozen");
    let first = world.inspect("frozen").state.pid;
    let shim = freeze_shim_of(first);
    world.crash();
    let begun = Instant::now();
    world.open();
    assert!(begun.elapsed() < OPEN_LIMIT, "{:?}", begun.elapsed());
    assert_eq!(
        (world.inspect("frozen").state.status, world.inspect("frozen").state.pid),
        (Status::Running, first)
    );
    assert!(is_alive(first));

    kill(shim, Signal::SIGCONT).unwrap();
    world.wait(world.containers().kill("frozen", "KILL")).unwrap();
    assert_eq!(world.exit_code("frozen"), 137);
}

/// Stops the parent of a container's first process.
fn freeze_shim_of(first: u32) -> Pid {
    let stat = fs::read_to_string(format!("/proc/{first}/stat")).unwrap();
    let shim = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
    kill(Pid::from_raw(shim), Signal::SIGSTOP).unwrap();
    Pid::from_raw(shim)
}
