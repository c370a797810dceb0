//! Creating, starting, signalling and ending a container through its shim. Needs root and busybox-static.

mod container;

use std::fs;

use container::{Container, eventually};
use runtime::oci::LinuxMemory;
use shim::{ErrorKind, Request, Response, Status};

#[test]
fn a_container_runs_once_and_leaves_only_its_log_and_its_end() {
    let mut container = Container::shell("echo out; echo err >&2; exit 3");
    let pid = match container.create() {
        Response::Created { pid } => pid,
        other => panic!("{other:?}"),
    };
    let state = |container: &Container| match container.ask(&Request::State) {
        Response::State(state) => state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state(&container).status, Status::Created);
    assert_eq!(container.cgroup().processes().unwrap(), [pid]);
    assert_eq!(container.ask(&Request::Start), Response::Started { pid });
    let exit = container.wait();
    assert_eq!((exit.code, exit.signal, exit.oom_killed), (3, None, false));
    container.shim_ends();
    let mut log = container.log();
    log.sort();
    assert_eq!(log, [("stderr".into(), "err\n".into()), ("stdout".into(), "out\n".into())]);
    assert!(!container.cgroup().exists());
    assert!(!container.run_dir().join(shim::SOCKET_FILE).exists());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(container.dir.path().to_str().unwrap()));
}

#[test]
fn what_cannot_be_run_says_so_in_dockers_words() {
    for (program, code, words) in [
        ("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH"),
        ("/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied"),
    ] {
        let mut container = Container::new(&[program]);
        match container.create() {
            Response::Error { message, exit_code, .. } => {
                assert_eq!((message.as_str(), exit_code), (words, code))
            }
            other => panic!("{other:?}"),
        }
        container.shim_ends();
        assert!(!container.cgroup().exists());
    }
}

#[test]
fn users_are_looked_up_in_the_image() {
    let mut container = Container::shell("id; echo $HOME");
    container.spec.user = Some("www".to_owned());
    container.run();
    assert_eq!(container.stdout(), "uid=33(www) gid=34 groups=34\n/var/www\n");
    let mut ghost = Container::new(&["true"]);
    ghost.spec.user = Some("ghost".to_owned());
    match ghost.create() {
        Response::Error { message, kind: ErrorKind::Invalid, .. } => {
            assert!(
                message.contains("unable to find user ghost: no matching entries in passwd file"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn signals_end_it_and_are_told() {
    let mut container = Container::shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    container.start();
    eventually("it listens", || container.stdout() == "ready\n");
    assert_eq!(container.ask(&Request::Signal { signal: 15, all: false }), Response::Ok);
    assert_eq!(container.wait().code, 7);

    let mut container = Container::new(&["sleep", "60"]);
    container.start();
    let refused = container.ask(&Request::Signal { signal: 99, all: false });
    assert!(matches!(refused, Response::Error { kind: ErrorKind::Invalid, .. }), "{refused:?}");
    container.ask(&Request::Signal { signal: 9, all: true });
    let exit = container.wait();
    assert_eq!((exit.code, exit.signal), (137, Some(9)));
}

#[test]
fn being_out_of_memory_is_noticed() {
    let mut container = Container::new(&["tail", "/dev/zero"]);
    let mut memory = LinuxMemory::default();
    memory.set_limit(Some(8 << 20)).set_swap(Some(8 << 20));
    container.linux().resources_mut().as_mut().unwrap().set_memory(Some(memory));
    let exit = container.run();
    assert_eq!((exit.code, exit.oom_killed), (137, true));
}

#[test]
fn the_shim_outlives_whoever_has_started_it() {
    // The daemon's part is played by a shell that starts the shim and dies.
    let mut container = Container::shell("sleep 0.2; echo late");
    let answer = container.create_by(std::path::Path::new(env!("CARGO_BIN_EXE_shoal-shim")));
    let Response::Created { .. } = answer else { panic!("{answer:?}") };
    let shim = container.shim_pid();
    let session = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(shim))).unwrap();
    assert_eq!(session.as_raw(), shim, "a session of its own");
    for signal in ["HUP", "INT", "TERM", "PIPE"] {
        let signal: nix::sys::signal::Signal = format!("SIG{signal}").parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), signal).unwrap();
    }
    container.ask(&Request::Start);
    assert_eq!(container.wait().code, 0);
    assert_eq!(container.stdout(), "late\n");
}

#[test]
fn the_container_dies_with_its_shim() {
    let mut container = Container::shell("sleep 60 & sleep 60 & sleep 60; true");
    container.start();
    let cgroup = container.cgroup();
    eventually("it runs", || cgroup.processes().unwrap().len() == 4);
    container.kill_shim();
    eventually("all of it is dead", || cgroup.processes().unwrap().is_empty());
    cgroup.remove().unwrap();
}

#[test]
fn the_built_in_init_reaps_and_passes_signals_on() {
    let mut container = Container::shell(
        "trap 'echo term; exit 5' TERM; echo pid $$; (sleep 0.01 &); while :; do sleep 0.01; done",
    );
    container.spec.init = true;
    container.start();
    eventually("it listens", || container.stdout().starts_with("pid "));
    assert_ne!(container.stdout(), "pid 1\n");
    container.ask(&Request::Signal { signal: 15, all: false });
    assert_eq!(container.wait().code, 5);
    assert!(container.stdout().ends_with("term\n"));
    let mut missing = Container::new(&["nosuch"]);
    missing.spec.init = true;
    assert!(matches!(missing.create(), Response::Error { exit_code: 127, .. }));
}

#[test]
fn the_binary_cannot_be_written_from_inside() {
    // With the built-in init the first process stays a copy of the shim.
    let attempt = "(echo x > /proc/1/exe) 2>&1; (echo x >> /proc/1/exe) 2>&1; true";
    let mut container = Container::shell(attempt);
    container.spec.init = true;
    container.run();
    let output = container.stdout();
    assert_eq!(output.matches("Permission denied").count(), 2, "{output}");

    let mut container = Container::shell(attempt);
    container.spec.init = true;
    let mut capabilities = runtime::default::capabilities();
    capabilities.insert(runtime::oci::Capability::SysPtrace);
    let sets = runtime::default::capability_sets(&capabilities);
    let process = container.config.process_mut().as_mut().unwrap();
    process.set_capabilities(Some(sets));
    container.run();
    let output = container.stdout();
    // To append, the kernel first sees that the program is running, and only then the mount.
    assert!(output.starts_with("sh: can't create /proc/1/exe: Read-only file system\n"), "{output}");
    assert_eq!(output.matches("can't create").count(), 2, "{output}");
}

#[test]
fn nonsense_is_refused_and_does_no_harm() {
    let mut container = Container::new(&["sleep", "60"]);
    container.start();
    let mut stream = container.connect();
    std::io::Write::write_all(&mut stream, &[0, 0, 0, 2, b'{', b'}']).unwrap();
    let answer: Option<Response> = shim::read(&mut stream).unwrap();
    assert!(matches!(answer, Some(Response::Error { kind: ErrorKind::NotImplemented, .. })), "{answer:?}");
    std::io::Write::write_all(&mut stream, &[0xff; 8]).unwrap();
    let answer: Option<Response> = shim::read(&mut stream).unwrap();
    assert!(matches!(answer, Some(Response::Error { kind: ErrorKind::Invalid, .. })), "{answer:?}");
    assert_eq!(shim::read::<Response>(&mut stream).unwrap(), None, "the connection is closed");
    let refused = container.ask(&Request::Resize { rows: 1, cols: 1 });
    assert!(matches!(refused, Response::Error { kind: ErrorKind::Conflict, .. }));
    let refused = container.ask(&Request::Start);
    assert!(matches!(refused, Response::Error { kind: ErrorKind::Conflict, .. }));
}

#[test]
fn a_container_for_once_is_not_synced() {
    let mut container = Container::new(&["cat", "/proc/self/mountinfo"]);
    let volatile = (runtime::VOLATILE_ANNOTATION.to_owned(), "true".to_owned());
    container.config.set_annotations(Some([volatile].into_iter().collect()));
    container.run();
    // Newer kernels show it as `fsync=volatile`.
    let output = container.stdout();
    assert!(output.lines().any(|line| line.contains("overlay") && line.ends_with("volatile")), "{output}");
}
