//! `run` and its friends, with both clients.

use std::io::Write;
use std::process::Stdio;

use testkit::{Daemon, eventually};

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon
}

#[test]
fn both_clients_run_and_remove() {
    let daemon = daemon();
    for client in [Daemon::docker, Daemon::shoal] {
        let said = client(&daemon, &["run", "--rm", "busybox", "echo", "hi"]);
        assert_eq!((said.code, said.out.as_str()), (0, "hi\n"), "{}", said.err);
        assert_eq!(client(&daemon, &["run", "--rm", "busybox", "sh", "-c", "exit 7"]).code, 7);
        eventually("--rm has removed", || none(&daemon));
    }
}

fn none(daemon: &Daemon) -> Result<(), String> {
    let left = daemon.docker(&["ps", "-aq"]).ok();
    if left.is_empty() { Ok(()) } else { Err(left) }
}

#[test]
fn a_command_that_cannot_run_says_why_and_leaves_nothing() {
    let daemon = daemon();
    for client in [Daemon::docker, Daemon::shoal] {
        let said = client(&daemon, &["run", "--rm", "busybox", "nosuch"]);
        assert_eq!(said.code, 127, "{}", said.err);
        assert!(said.err.contains("\"nosuch\": executable file not found in $PATH"), "{}", said.err);
        let said = client(&daemon, &["run", "--rm", "busybox", "/etc/passwd"]);
        assert_eq!(said.code, 126, "{}", said.err);
        assert!(said.err.contains("permission denied"), "{}", said.err);
        eventually("nothing is left", || none(&daemon));
    }
}

#[test]
fn standard_input_reaches_the_process_and_ends() {
    let daemon = daemon();
    for (program, args) in [("docker", vec![]), ("shoal", vec![])] {
        let args: Vec<&str> = [args, vec!["run", "--rm", "-i", "busybox", "wc", "-c"]].concat();
        let mut command = match program {
            "docker" => {
                let mut command = std::process::Command::new("docker");
                command.env_remove("DOCKER_HOST").args(["-H", &daemon.host()]).args(&args);
                command
            }
            _ => daemon.command(&args),
        };
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&[b'x'; 100_000]).unwrap();
        let said = testkit::program::said(child.wait_with_output().unwrap());
        assert_eq!(said.out.trim(), "100000", "{program}: {}", said.err);
    }
}

#[test]
fn a_container_sees_what_docker_shows_it() {
    let daemon = daemon();
    let sh = |line: &str| daemon.docker(&["run", "--rm", "busybox", "sh", "-c", line]).ok();
    let status = sh("cat /proc/self/status");
    assert!(status.contains("CapEff:\t00000000a80425fb"), "{status}");
    assert!(status.contains("CapInh:\t0000000000000000"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    assert_eq!(
        sh("echo $$ $PATH $HOME"),
        "1 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root"
    );
    assert_eq!(sh("hostname | wc -c"), "13");
    assert!(sh("cat /etc/hosts").contains("127.0.0.1\tlocalhost"));
    assert_eq!(sh("test -e /.dockerenv && ls -l /dev/null | cut -c1"), "c");
    assert_eq!(
        sh("cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; echo x > /proc/sysrq-trigger || echo closed"),
        "0\nclosed"
    );
    assert_eq!(sh("ls /proc/self/fd | wc -l"), "4");
}

#[test]
fn limits_reach_the_kernel() {
    let daemon = daemon();
    let args = ["run", "--rm", "--memory", "32m", "--pids-limit", "20", "busybox"];
    let said = daemon.docker(&[&args[..], &["sh", "-c", "head -c 200m /dev/zero | tail"]].concat());
    assert_eq!(said.code, 137, "out of memory: {} {}", said.out, said.err);
    let said =
        daemon.docker(&[&args[..], &["sh", "-c", "for i in $(seq 40); do sleep 5 & done; true"]].concat());
    assert!(said.err.contains("can't fork"), "{} {}", said.out, said.err);
}

#[test]
fn logs_list_stop_and_wait() {
    let daemon = daemon();
    let line = "echo one; echo two >&2; trap 'exit 3' TERM; while :; do sleep 0.1; done";
    let id =
        daemon.docker(&["run", "-d", "--name", "one", "--label", "x=y", "busybox", "sh", "-c", line]).ok();
    eventually("both lines are logged", || {
        let said = daemon.docker(&["logs", "one"]);
        if (said.out.as_str(), said.err.as_str()) == ("one\n", "two\n") {
            Ok(())
        } else {
            Err(said.out + &said.err)
        }
    });
    assert_eq!(daemon.shoal(&["logs", "--tail", "1", "one"]).err, "two\n");
    assert_eq!(daemon.docker(&["ps", "-q", "--no-trunc", "--filter", "label=x=y"]).ok(), id);
    assert_eq!(daemon.docker(&["ps", "-q", "--filter", "label=x=z"]).ok(), "");
    let said = daemon.docker(&["run", "--name", "one", "busybox"]);
    assert_eq!(said.code, 125);
    assert!(said.err.contains("Conflict. The container name \"/one\" is already in use"), "{}", said.err);
    daemon.docker(&["stop", "one"]).ok();
    assert_eq!(daemon.docker(&["wait", "one"]).ok(), "3");
    assert_eq!(
        daemon.shoal(&["inspect", "--format", "{{.State.ExitCode}} {{.State.Status}}", "one"]).ok(),
        "3 exited"
    );
    daemon.shoal(&["rm", "one"]).ok();
    let said = daemon.docker(&["rm", "one"]);
    assert!(said.err.contains("No such container: one"), "{}", said.err);
}

#[test]
fn bind_mounts_environment_and_user() {
    let daemon = daemon();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), "from outside").unwrap();
    let bind = format!("{}:/data:ro", dir.path().display());
    let args = ["run", "--rm", "-v", &bind, "-e", "A=b c", "-u", "65534", "-w", "/tmp", "busybox"];
    let said = daemon.docker(
        &[&args[..], &["sh", "-c", "cat /data/f; echo; echo $A; id -u; pwd; touch /data/x"]].concat(),
    );
    assert_eq!(said.out, "from outside\nb c\n65534\n/tmp\n", "{}", said.err);
    assert_ne!(said.code, 0);
}
