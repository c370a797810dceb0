//! The daemon itself: its roots, its end, its neighbours, its configuration.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::program::{need_root, programs, run};
use testkit::{Daemon, eventually};

#[test]
fn kill_dash_nine_is_an_ordinary_event() {
    let mut daemon = Daemon::start(&[]);
    daemon.load_images();
    let lasting = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done";
    daemon.docker(&["run", "-d", "--name", "lasting", "busybox", "sh", "-c", lasting]).ok();
    daemon
        .docker(&["run", "-d", "--name", "ending", "busybox", "sh", "-c", "sleep 1; echo last; exit 9"])
        .ok();
    let pid = |daemon: &Daemon| {
        daemon.docker(&["inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", "lasting"]).ok()
    };
    let before = pid(&daemon);
    daemon.kill();
    eventually("the other one ends meanwhile", || {
        let alive = daemon.processes().len();
        if alive == 1 { Ok(()) } else { Err(format!("{alive} shims")) }
    });
    daemon.restart();
    assert_eq!(pid(&daemon), before, "the same process goes on");
    assert_eq!(daemon.docker(&["wait", "ending"]).ok(), "9");
    assert_eq!(daemon.docker(&["logs", "ending"]).ok(), "last");
    daemon.docker(&["kill", "lasting"]).ok();
    eventually("it is dead", || {
        let said = daemon.docker(&["inspect", "-f", "{{.State.ExitCode}}", "lasting"]).ok();
        if said == "137" { Ok(()) } else { Err(said) }
    });
    let log = daemon.docker(&["logs", "lasting"]).ok();
    for (index, line) in log.lines().enumerate() {
        assert_eq!(line, (index + 1).to_string(), "the log is whole");
    }
    assert!(log.lines().count() > 50, "{log}");
}

#[test]
fn a_shim_that_dies_takes_its_container_with_it() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    let inside: i32 = daemon.docker(&["inspect", "-f", "{{.State.Pid}}", "one"]).ok().parse().unwrap();
    let daemon_pid = daemon.pid().cast_signed();
    for pid in daemon.processes().into_iter().filter(|pid| *pid != daemon_pid && *pid != inside) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    eventually("the container is gone and the daemon knows", || {
        let said = daemon.docker(&["inspect", "-f", "{{.State.Running}} {{.State.ExitCode}}", "one"]).ok();
        let alive = std::path::Path::new(&format!("/proc/{inside}")).exists();
        if said == "false 137" && !alive { Ok(()) } else { Err(said) }
    });
}

#[test]
fn it_ends_in_order_and_containers_go_on() {
    let mut daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.stop(), 0);
    assert!(!daemon.path("pid").exists());
    assert_eq!(daemon.processes().len(), 1, "the shim lives");
    daemon.restart();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.State.Running}}", "one"]).ok(), "true");
}

#[test]
fn a_second_daemon_on_the_same_root_is_refused() {
    let daemon = Daemon::start(&[]);
    let path = |name: &str| daemon.path(name).display().to_string();
    let said = run(Command::new(programs().join("shoald")).args([
        "--config-file",
        "/dev/null",
        "--data-root",
        &path("data"),
        "--exec-root",
        &path("exec2"),
        "--pidfile",
        &path("pid2"),
        "-H",
        &format!("unix://{}", path("sock2")),
    ]));
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is in use by another shoald"), "{}", said.err);
}

#[test]
fn several_daemons_share_a_machine() {
    let daemons = [Daemon::start(&["--bip", "172.27.1.1/24"]), Daemon::start(&["--bip=172.27.2.1/24"])];
    for daemon in &daemons {
        daemon.load_images();
        daemon.docker(&["run", "-d", "--name", "same", "-p", "80", "busybox", "sleep", "100"]).ok();
    }
    for daemon in &daemons {
        assert_eq!(daemon.docker(&["ps", "--format", "{{.Names}}"]).ok(), "same");
    }
}

#[test]
fn configuration_errors_are_one_sentence() {
    need_root();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("daemon.json");
    std::fs::write(&file, r#"{"no-such-key": 1}"#).unwrap();
    let file = file.display().to_string();
    for (args, part) in [
        (vec!["--config-file", &file], "no-such-key"),
        (vec!["--config-file", "/nonexistent"], "/nonexistent"),
        (vec!["--bip", "nonsense"], "nonsense"),
        (vec!["--no-such-flag"], "--no-such-flag"),
        (vec!["-H", "gopher://x"], "gopher"),
    ] {
        let said = run(Command::new(programs().join("shoald")).args(&args).arg("--validate"));
        assert_ne!(said.code, 0, "{args:?}");
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
    }
    let said = run(Command::new(programs().join("shoald")).args(["--validate", "--config-file=/dev/null"]));
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn sighup_reads_the_configuration_again() {
    let daemon = Daemon::start(&["--label", "a=b"]);
    let since = "--since=1";
    kill(Pid::from_raw(daemon.pid().cast_signed()), Signal::SIGHUP).unwrap();
    eventually("a reload event is published", || {
        let said = daemon.docker(&["events", since, "--until=0s", "--filter", "type=daemon"]);
        if said.out.contains("daemon reload") { Ok(()) } else { Err(said.out + &said.err) }
    });
    assert!(daemon.docker(&["info", "--format", "{{.Labels}}"]).ok().contains("a=b"));
}

#[test]
fn tcp_answers_only_when_asked() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("tcp://127.0.0.1:{port}");
    let daemon = Daemon::start(&["-H", &host]);
    let said = run(Command::new("docker").env_remove("DOCKER_HOST").args([
        "-H",
        &host,
        "version",
        "--format",
        "{{.Server.APIVersion}}",
    ]));
    assert_eq!(said.ok(), "1.56");
    assert!(daemon.log().contains("without TLS"), "it warns");
}
