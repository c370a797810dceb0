//! Restart policies: after an end, after the daemon's, after the machine's.

use testkit::{Daemon, eventually};

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon
}

fn inspect(daemon: &Daemon, name: &str, format: &str) -> String {
    daemon.docker(&["inspect", "-f", format, name]).ok()
}

fn becomes(daemon: &Daemon, name: &str, format: &str, wanted: &str) {
    eventually(&format!("{name} is {wanted}"), || {
        let said = inspect(daemon, name, format);
        if said == wanted { Ok(()) } else { Err(said) }
    });
}

#[test]
fn a_removal_has_the_last_word_over_a_restart() {
    let daemon = daemon();
    // It does not listen to SIGTERM, being the first process of its container.
    daemon.docker(&["run", "-d", "--name", "victim", "busybox", "sleep", "1000"]).ok();
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| daemon.docker(&["restart", "-t", "60", "victim"]));
        let until = || testkit::program::until_now();
        eventually("the restart has begun", || {
            let said = daemon.docker(&["events", "--since=0", &until(), "--filter", "event=kill"]).ok();
            if said.contains("victim") { Ok(()) } else { Err(said) }
        });
        daemon.docker(&["rm", "-f", "victim"]).ok();
        assert_eq!(restart.join().unwrap().code, 1);
    });
    assert_eq!(daemon.docker(&["ps", "-aq"]).ok(), "");
    eventually("its shim is gone", || match daemon.processes().as_slice() {
        // The daemon and its network's.
        [_, _] | [_] => Ok(()),
        more => Err(format!("{more:?}")),
    });
}

#[test]
fn ends_are_followed_by_starts_as_the_policy_says() {
    let daemon = daemon();
    let run = |name: &str, policy: &str, script: &str| {
        daemon.docker(&["run", "-d", "--name", name, "--restart", policy, "busybox", "sh", "-c", script]).ok()
    };
    run("tries", "on-failure:2", "echo try; exit 3");
    run("fine", "on-failure", "exit 0");
    run("loop", "always", "exit 1");
    run("killed", "unless-stopped", "sleep 1000");
    becomes(&daemon, "tries", "{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}", "exited 2 3");
    assert_eq!(daemon.docker(&["logs", "tries"]).ok(), "try\ntry\ntry");
    becomes(&daemon, "fine", "{{.State.Status}} {{.RestartCount}}", "exited 0");
    becomes(&daemon, "loop", "{{.State.Restarting}} {{.State.Running}} {{.State.ExitCode}}", "true true 1");
    // Now and then it runs for a moment.
    eventually("it is seen between two runs", || {
        let said = daemon.docker(&["ps", "--filter", "name=loop", "--format", "{{.Status}}"]).ok();
        if said.starts_with("Restarting (1)") { Ok(()) } else { Err(said) }
    });
    eventually("it is refused between two runs", || {
        let said = daemon.docker(&["rm", "loop"]);
        if said.err.contains("container is restarting") { Ok(()) } else { Err(said.err) }
    });
    // Whatever it does just now, a stop ends the circle.
    daemon.docker(&["stop", "-t", "0", "loop"]).ok();
    assert_eq!(inspect(&daemon, "loop", "{{.State.Status}} {{.State.Restarting}}"), "exited false");
    let count = inspect(&daemon, "loop", "{{.RestartCount}}");
    // Who kills from outside did not ask for the end.
    let pid = inspect(&daemon, "killed", "{{.State.Pid}}");
    let first: i32 = pid.parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    becomes(&daemon, "killed", "{{.State.Status}} {{.RestartCount}}", "running 1");
    assert_ne!(inspect(&daemon, "killed", "{{.State.Pid}}"), pid);
    daemon.docker(&["kill", "killed"]).ok();
    becomes(&daemon, "killed", "{{.State.Status}} {{.State.ExitCode}}", "exited 137");
    assert_eq!(inspect(&daemon, "loop", "{{.RestartCount}}"), count, "it stays stopped");
}

#[test]
fn a_policy_can_be_taken_back_between_two_runs() {
    let daemon = daemon();
    daemon.docker(&["run", "-d", "--name", "loop", "--restart", "always", "busybox", "false"]).ok();
    // The waits double; soon one is long enough to be met.
    eventually("it waits for its next run, and then does not get it", || {
        daemon.docker(&["update", "--restart", "no", "loop"]).ok();
        let said = inspect(&daemon, "loop", "{{.State.Status}}");
        if said == "exited" { Ok(()) } else { Err(said) }
    });
}

#[test]
fn a_machine_that_starts_anew_runs_what_it_should() {
    let mut daemon = daemon();
    for (name, policy) in [
        ("none", "no"),
        ("always", "always"),
        ("unless", "unless-stopped"),
        ("failure", "on-failure"),
        ("asked", "always"),
        ("stopped", "unless-stopped"),
    ] {
        daemon
            .docker(&[
                "run",
                "-d",
                "--name",
                name,
                "--restart",
                policy,
                "-p",
                "80",
                "busybox",
                "sleep",
                "1000",
            ])
            .ok();
    }
    daemon.docker(&["run", "-d", "--rm", "--name", "removed", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["run", "--name", "done", "busybox", "sh", "-c", "exit 6"]);
    daemon.docker(&["stop", "-t", "0", "asked", "stopped"]).ok();
    daemon.docker(&["pause", "unless"]).ok();
    daemon.lose_machine();
    daemon.restart();
    for name in ["always", "unless", "failure", "asked"] {
        becomes(&daemon, name, "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", "running 0 0");
        let published = daemon.docker(&["port", name, "80"]).ok();
        assert!(!published.is_empty(), "{name} is published again");
    }
    for (name, state) in [("none", "exited 255"), ("stopped", "exited 137"), ("done", "exited 6")] {
        assert_eq!(inspect(&daemon, name, "{{.State.Status}} {{.State.ExitCode}}"), state, "{name}");
    }
    eventually("what was to go with its end is gone", || {
        let said = daemon.docker(&["ps", "-aq", "--filter", "name=removed"]).ok();
        if said.is_empty() { Ok(()) } else { Err(said) }
    });
    daemon.docker(&["start", "none"]).ok();
}
