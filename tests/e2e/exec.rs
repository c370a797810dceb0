//! `docker exec`: a second process in a running container.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use testkit::{Daemon, eventually};

/// A daemon with one container `c` that sleeps, made with these further flags of `run`.
fn daemon(flags: &[&str]) -> Daemon {
    let daemon = Daemon::start(&["--bridge", "none"]);
    testkit::image::import_busybox(&daemon);
    let args =
        [&["run", "-d", "--network", "none", "--name", "box"], flags, &["busybox", "sleep", "1000"]].concat();
    daemon.docker(&args).ok();
    daemon
}

fn docker(daemon: &Daemon, args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.env_remove("DOCKER_HOST").args(["-H", &daemon.host()]).args(args);
    command
}

/// The client on a terminal of its own, whose keyboard is the child's standard input.
fn on_a_terminal(daemon: &Daemon, args: &str) -> Child {
    let line = format!("docker -H {} {args}", daemon.host());
    let mut command = Command::new("script");
    command.env_remove("DOCKER_HOST").args(["-qefc", &line, "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn it_runs_inside_as_asked_and_tells_its_exit_code() {
    let daemon = daemon(&["-e", "A=1", "-w", "/tmp", "--hostname", "inside"]);
    let exec = |args: &[&str]| daemon.docker(&[&["exec"], args].concat());
    let sh = |flags: &[&str], line: &str| exec(&[flags, &["box", "sh", "-c", line]].concat());
    assert_eq!(sh(&[], "hostname; pwd; echo $A").ok(), "inside\n/tmp\n1");
    assert_eq!(sh(&["-e", "A=2", "-e", "B=3", "-w", "/etc"], "pwd; echo $A$B").ok(), "/etc\n23");
    assert_eq!(sh(&["-u", "nobody"], "id").ok(), "uid=65534(nobody) gid=65534(nobody) groups=65534(nobody)");
    assert_eq!(sh(&["-u", "1234:5678"], "id -u; id -g").ok(), "1234\n5678");
    assert!(sh(&[], "cat /proc/self/status").ok().contains("CapEff:\t00000000a80425fb"));
    let privileged = sh(&["--privileged"], "cat /proc/self/status").ok();
    assert!(!privileged.contains("CapEff:\t00000000a80425fb"), "{privileged}");
    assert!(privileged.contains("CapInh:\t0000000000000000"), "{privileged}");
    let said = sh(&[], "echo out; echo err >&2; exit 3");
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "out\n", "err\n"));
    assert_eq!(sh(&[], "kill -9 $$").code, 137);
    let missing = exec(&["box", "nosuch"]);
    assert_eq!(missing.code, 127, "{}{}", missing.out, missing.err);
    assert!(
        missing.out.contains("OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH"),
        "{}{}", missing.out, missing.err
    );
    let refused = exec(&["box", "/etc/passwd"]);
    assert_eq!(refused.code, 126, "{}{}", refused.out, refused.err);
    let ghost = exec(&["-u", "ghost", "box", "true"]);
    assert_eq!(ghost.code, 126);
    assert!(
        ghost.out.contains("unable to find user ghost: no matching entries in passwd file"),
        "{}",
        ghost.out
    );
    assert_eq!(
        exec(&["-w", "/proc/self/fd/9", "box", "true"]).code,
        126,
        "no way out by a working directory"
    );
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.ExecIDs}}", "box"]).ok(), "[]");
}

#[test]
fn input_is_the_clients_and_its_end_is_told() {
    let daemon = daemon(&[]);
    let mut child = docker(&daemon, &["exec", "-i", "box", "sh", "-c", "wc -c; echo after"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[b'x'; 300_000]).unwrap();
    let said = testkit::program::said(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.out.as_str()), (0, "300000\nafter\n"));
    let flood = daemon.docker(&["exec", "box", "sh", "-c", "yes | head -c 3000000"]);
    assert_eq!((flood.code, flood.out.len()), (0, 3_000_000));
}

#[test]
fn a_terminal_is_real_and_can_be_left_by_keys() {
    let daemon = daemon(&[]);
    let mut child = on_a_terminal(&daemon, "exec -it box sh -c 'tty; read x; echo got $x; exit 5'");
    child.stdin.as_mut().unwrap().write_all(b"word\n").unwrap();
    let said = testkit::program::said(child.wait_with_output().unwrap());
    assert!(said.out.contains("/dev/pts/") && said.out.contains("got word"), "{}{}", said.out, said.err);
    assert_eq!(said.code, 5, "{}", said.out);

    let mut child = on_a_terminal(&daemon, "exec -it --detach-keys ctrl-x,q box sleep 999");
    let runs = || daemon.docker(&["exec", "box", "pidof", "sleep"]).out;
    eventually("it runs", || if runs().split_whitespace().count() == 2 { Ok(()) } else { Err(runs()) });
    child.stdin.as_mut().unwrap().write_all(&[0x18, b'q']).unwrap();
    let said = testkit::program::said(child.wait_with_output().unwrap());
    assert!(said.out.contains("read escape sequence"), "{}{}", said.out, said.err);
    assert_eq!(runs().split_whitespace().count(), 2, "it goes on without its client");
}

#[test]
fn it_outlives_the_daemon_and_not_its_container() {
    let mut daemon = daemon(&["--pid", "host"]);
    daemon.docker(&["exec", "-d", "box", "sh", "-c", "while test ! -e /go; do :; done; exit 9"]).ok();
    let ids = daemon.docker(&["inspect", "-f", "{{index .ExecIDs 0}}", "box"]).ok();
    daemon.kill();
    daemon.restart();
    let state = |daemon: &Daemon| {
        let mut stream = std::os::unix::net::UnixStream::connect(daemon.path("sock")).unwrap();
        write!(stream, "GET /v1.45/exec/{ids}/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    let before = state(&daemon);
    assert!(before.contains("\"Running\":true") && before.contains("\"entrypoint\":\"sh\""), "{before}");
    daemon.docker(&["exec", "box", "touch", "/go"]).ok();
    eventually("its exit code is known", || {
        let now = state(&daemon);
        if now.contains("\"ExitCode\":9") { Ok(()) } else { Err(now) }
    });
    // In the host's process tree nothing but the cgroup holds them together.
    daemon.docker(&["exec", "-d", "box", "sh", "-c", "sleep 4321 & sleep 4321"]).ok();
    let left = || Command::new("pgrep").args(["-fx", "sleep 4321"]).output().unwrap().stdout;
    eventually("they run", || if left().is_empty() { Err("not yet") } else { Ok(()) });
    daemon.docker(&["kill", "box"]).ok();
    eventually("they are gone", || if left().is_empty() { Ok(()) } else { Err("still there") });
    let said = daemon.docker(&["exec", "box", "true"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is not running"), "{}", said.err);
}

#[test]
fn what_does_not_run_is_refused_and_events_tell_of_the_rest() {
    let daemon = daemon(&["-u", "nobody"]);
    assert_eq!(daemon.docker(&["exec", "box", "id", "-u"]).ok(), "65534");
    daemon.docker(&["pause", "box"]).ok();
    let said = daemon.docker(&["exec", "box", "true"]);
    assert!(said.err.contains("container box is paused, unpause the container before exec"), "{}", said.err);
    daemon.docker(&["unpause", "box"]).ok();
    let format = "{{.Action}} {{.Actor.Attributes.exitCode}}";
    // The client rounds times down to whole seconds.
    let events = ["events", "--since", "1h", "--until=-1s", "--filter", "container=box", "--format", format];
    let told = daemon.docker(&events).ok();
    let told: Vec<&str> = told.lines().filter(|line| line.starts_with("exec_")).collect();
    assert_eq!(told, ["exec_create: id -u <no value>", "exec_start: id -u <no value>", "exec_die 0"]);
}
