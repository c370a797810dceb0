//! The engine dies at once, as by SIGKILL, and comes back.

use crate::world::{World, eventually, is_alive};
use engine::{Status, StopOptions, StopTimeout, WaitCondition};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

#[test]
fn live_containers_keep_their_processes_logs_and_exit_codes() {
    let mut world = World::new();
    let script = "i=0; while [ ! -e /go ]; do echo $i; i=$((i+1)); sleep 0.02; done; exit 9";
    world.create("one", script);
    world.create("never", "true");
    world.start("one");
    let before = world.inspect("one");
    world.crash();
    assert!(is_alive(before.state.pid));
    world.open();
    let after = world.inspect("one");
    assert_eq!((after.state.pid, after.state.status), (before.state.pid, Status::Running));
    assert_eq!(after.state.started_ns, before.state.started_ns);
    assert_eq!(world.inspect("never").state.status, Status::Created);

    let waiting = world.containers().wait("one", WaitCondition::NextExit).unwrap();
    fs::write(format!("/proc/{}/root/go", after.state.pid), "").unwrap();
    assert_eq!(world.wait(waiting).code, 9);
    let numbers: Vec<usize> = world.logs("one").lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "no line is lost");
}

#[test]
fn an_end_that_nobody_saw_is_told_as_it_was() {
    let mut world = World::new();
    let wait_for_go = "while [ ! -e /go ]; do sleep 0.02; done; exit 6";
    world.create("kept", wait_for_go);
    world.create_with("removed", wait_for_go, |spec| spec.host.auto_remove = true);
    let pids = ["kept", "removed"].map(|name| {
        world.start(name);
        world.inspect(name).state.pid
    });
    world.crash();
    for pid in pids {
        fs::write(format!("/proc/{pid}/root/go"), "").unwrap();
        eventually("it ends", || if is_alive(pid) { Err("alive") } else { Ok(()) });
    }
    world.open();
    let kept = world.inspect("kept");
    assert_eq!((kept.state.status, kept.state.exit_code, kept.state.pid), (Status::Exited, 6, 0));
    eventually("it is removed", || match world.containers().inspect("removed") {
        Ok(record) => Err(record.state.status),
        Err(_) => Ok(()),
    });
    eventually("its directory is gone", || match world.lasting_dirs().len() {
        1 => Ok(()),
        more => Err(more),
    });
}

#[test]
fn a_dead_shim_takes_its_container_with_it() {
    let mut world = World::new();
    for name in ["seen", "unseen"] {
        world.create(name, "sleep 1000");
        world.start(name);
    }
    let shim_of = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().to_owned();
        Pid::from_raw(parent.parse().unwrap())
    };
    let [seen, unseen] = ["seen", "unseen"].map(|name| world.inspect(name).state.pid);
    kill(shim_of(seen), Signal::SIGKILL).unwrap();
    assert_eq!(world.exit_code("seen"), 137);
    assert!(!is_alive(seen));
    world.crash();
    kill(shim_of(unseen), Signal::SIGKILL).unwrap();
    world.open();
    assert_eq!(world.inspect("unseen").state.exit_code, 137);
    eventually("it ends", || if is_alive(unseen) { Err("alive") } else { Ok(()) });
    assert_eq!(world.cgroups(), Vec::<String>::new());
}

#[test]
fn restart_policies_speak_when_the_engine_opens() {
    use engine::spec::RestartCondition::{Always, UnlessStopped};
    let mut world = World::new();
    for (name, policy) in [("always", Always), ("unless", UnlessStopped), ("stopped", UnlessStopped)] {
        world.create_with(name, "trap 'exit 0' TERM; while :; do sleep 0.05; done", |spec| {
            spec.host.restart_policy.name = policy;
        });
        world.start(name);
    }
    world.wait(world.containers().stop("stopped", StopOptions::default())).unwrap();
    let pids = ["always", "unless"].map(|name| world.inspect(name).state.pid);
    world.crash();
    for pid in pids {
        kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
        eventually("it ends", || if is_alive(pid) { Err("alive") } else { Ok(()) });
    }
    world.open();
    for name in ["always", "unless"] {
        eventually("it is started again", || match world.inspect(name).state.status {
            Status::Running => Ok(()),
            status => Err(status),
        });
    }
    assert_eq!(world.inspect("stopped").state.status, Status::Exited);
}

#[test]
fn debris_of_no_known_container_is_removed() {
    let mut world = World::new();
    let id = world.create("one", "sleep 1000");
    world.start("one");
    let pid = world.inspect("one").state.pid;
    world.crash();
    // As if it had been removed just before: its directory is the first to go.
    fs::remove_dir_all(world.config.data_root.join("containers").join(&id)).unwrap();
    fs::create_dir(world.config.data_root.join("containers/half-made")).unwrap();
    world.open();
    assert!(world.containers().list().is_empty());
    eventually("it ends", || if is_alive(pid) { Err("alive") } else { Ok(()) });
    world.nothing_is_left();
    world.create("one", "true");
}

#[test]
fn what_never_reached_the_store_is_known_by_its_directory() {
    let mut world = World::new();
    let id = world.create("early", "exit 3");
    world.create("running", "sleep 1000");
    world.start("running");
    let pid = world.inspect("running").state.pid;
    world.crash();
    fs::remove_file(world.config.data_root.join("engine.redb")).unwrap();
    world.open();
    assert_eq!(world.inspect("early").id, id);
    let running = world.inspect("running");
    assert_eq!((running.state.pid, running.state.status), (pid, Status::Running));
    world.start("early");
    assert_eq!(world.exit_code("early"), 3);
}

#[test]
fn a_restart_is_completed_whenever_its_daemon_died() {
    let mut world = World::new();
    // Ends by a signal only once it may, or by itself.
    let script =
        "trap 'test -e /may && exit 0' TERM; touch /ready; while [ ! -e /end ]; do sleep 0.02; done; rm /end";
    let names = ["between", "before"];
    for name in names {
        world.create(name, script);
        world.start(name);
    }
    let before = names.map(|name| world.inspect(name));
    let file = |at: usize, name: &str| format!("/proc/{}/root/{name}", before[at].state.pid);
    for (at, name) in names.into_iter().enumerate() {
        eventually("its trap is set", || fs::metadata(file(at, "ready")));
        let containers = world.containers();
        let stop = StopOptions { timeout: Some(StopTimeout::Never), ..StopOptions::default() };
        world.spawn(async move { containers.restart(name, stop).await });
        eventually("the restart is remembered", || match world.inspect(name).starts_again {
            true => Ok(()),
            false => Err("not yet"),
        });
    }
    world.crash();
    // One ends while there is no daemon, the other one waits for the next daemon's signal.
    fs::write(file(0, "end"), "").unwrap();
    eventually("it ends", || if is_alive(before[0].state.pid) { Err("alive") } else { Ok(()) });
    fs::write(file(1, "may"), "").unwrap();
    world.open();
    for (name, before) in names.into_iter().zip(before) {
        eventually("it runs again", || match world.inspect(name) {
            now if now.state.status == Status::Running && now.state.pid != before.state.pid => Ok(()),
            now => Err(format!("{:?}", now.state)),
        });
        let now = world.inspect(name);
        assert!(!now.starts_again && !now.manually_stopped);
    }
}
