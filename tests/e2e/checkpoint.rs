//! Containers frozen into files by criu, and brought back: where criu works with the kernel. Elsewhere the answer says why not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use testkit::program::run;
use testkit::{Daemon, eventually};

/// Counts in memory, and tells.
const COUNTER: &str = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";

/// docker has its checkpoint commands only for daemons that call themselves experimental.
fn daemon(bip: &str) -> Daemon {
    let daemon = Daemon::start(&["--experimental", "--bip", bip]);
    daemon.load_images();
    daemon
}

/// Whether checkpoints can be made on this machine.
pub(crate) fn criu_works() -> bool {
    Command::new("criu").arg("check").output().is_ok_and(|said| said.status.success())
}

fn count(daemon: &Daemon, args: &[&str], name: &str) {
    let counter = ["--name", name, "busybox", "sh", "-c", COUNTER];
    daemon.docker(&[&["run", "-d"], args, &counter].concat()).ok();
    counts_on(daemon, name, 2);
}

/// The numbers that a container has told, which follow each other, once there are more than `known`.
fn counts_on(daemon: &Daemon, name: &str, known: usize) -> Vec<usize> {
    let mut told = Vec::new();
    eventually("it counts", || {
        let said = daemon.docker(&["logs", name]).ok();
        told = said.lines().map(|line| line.parse().expect("a number")).collect();
        if told.len() > known { Ok(()) } else { Err(said) }
    });
    assert!(told.windows(2).all(|pair| pair[1] == pair[0] + 1), "it has forgotten where it was: {told:?}");
    told
}

fn inspect(daemon: &Daemon, name: &str, format: &str) -> String {
    daemon.docker(&["inspect", "--format", format, name]).ok()
}

#[test]
fn a_container_goes_on_where_it_stopped() {
    let daemon = daemon("10.88.0.1/16");
    if !criu_works() {
        return is_refused(&daemon);
    }
    // The restart policy must not begin anew what goes on elsewhere.
    count(&daemon, &["--restart", "always", "-v", "data:/data"], "one");
    assert_eq!(daemon.docker(&["checkpoint", "create", "--leave-running", "one", "early"]).ok(), "early");
    assert_eq!(inspect(&daemon, "one", "{{.State.Status}}"), "running");
    let known = counts_on(&daemon, "one", 0).len();
    counts_on(&daemon, "one", known);

    daemon.docker(&["checkpoint", "create", "one", "late"]).ok();
    assert_eq!(inspect(&daemon, "one", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    assert_eq!(daemon.docker(&["checkpoint", "ls", "one"]).ok(), "CHECKPOINT NAME\nearly\nlate");
    let known = counts_on(&daemon, "one", 0).len();
    let address = "{{.NetworkSettings.Networks.bridge.IPAddress}}";
    daemon.docker(&["start", "--checkpoint", "late", "one"]).ok();
    assert_eq!(counts_on(&daemon, "one", known)[0], 1, "the log goes on");
    let pid = inspect(&daemon, "one", "{{.State.Pid}}");
    let inside =
        daemon.docker(&["exec", "one", "sh", "-c", "cat /proc/1/comm /proc/self/cgroup; ip addr"]).ok();
    assert!(inside.starts_with("sh\n0::/\n"), "{inside}");
    assert!(inside.contains(&inspect(&daemon, "one", address)), "{inside}");
    let parent = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = parent.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap().to_owned();
    assert_eq!(fs::read_to_string(format!("/proc/{parent}/comm")).unwrap(), "shoal-shim\n");

    daemon.docker(&["checkpoint", "rm", "one", "early"]).ok();
    assert_eq!(daemon.docker(&["checkpoint", "ls", "one"]).ok(), "CHECKPOINT NAME\nlate");
    daemon.docker(&["stop", "-t", "0", "one"]).ok();
    assert_eq!(inspect(&daemon, "one", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    let until = testkit::program::until_now();
    let events = daemon.docker(&["events", "--since", "1", &until, "--format", "{{.Action}}"]).ok();
    assert_eq!(events.lines().filter(|action| *action == "checkpoint").count(), 2, "{events}");
}

#[test]
fn a_container_moves_to_another_daemon() {
    if !criu_works() {
        return;
    }
    let (here, there) = (daemon("10.88.0.1/16"), daemon("10.89.0.1/16"));
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    count(&here, &[], "one");
    here.docker(&["checkpoint", "create", "--checkpoint-dir", &path("here"), "one", "move"]).ok();
    let told = counts_on(&here, "one", 0);
    run(Command::new("cp").args(["-a", &path("here"), &path("there")])).ok();
    there.docker(&["create", "--name", "moved", "busybox", "sh", "-c", COUNTER]).ok();
    let start =
        || there.shoal(&["start", "--checkpoint-dir", &path("there"), "--checkpoint", "move", "moved"]);

    // What somebody else could have written is not believed: a link would show a file of the machine.
    let pages = dir.path().join("there/move/images/pages-1.img");
    fs::rename(&pages, dir.path().join("pages")).unwrap();
    symlink("/etc/shadow", &pages).unwrap();
    let said = start();
    assert!(said.code != 0 && said.err.contains("trust"), "{}", said.err);
    assert_eq!(inspect(&there, "moved", "{{.State.Status}}"), "created");
    fs::remove_file(&pages).unwrap();
    fs::rename(dir.path().join("pages"), &pages).unwrap();

    start().ok();
    let first = counts_on(&there, "moved", 2)[0];
    assert!(first >= told.len() && first <= told.len() + 1, "{first} after {told:?}");
    there.docker(&["exec", "moved", "ping", "-c", "1", "10.89.0.1"]).ok();
    there.docker(&["rm", "-f", "moved"]).ok();
    eventually("nothing is left", || {
        let left = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = there.path("exec").display().to_string();
        if left.contains(&root) { Err(left) } else { Ok(()) }
    });
}

#[test]
fn what_cannot_be_is_told_first() {
    let daemon = daemon("10.88.0.1/16");
    daemon.docker(&["create", "--name", "still", "busybox", "true"]).ok();
    let said = daemon.shoal(&["checkpoint", "create", "still", "one"]);
    assert!(said.code != 0 && said.err.contains("is not running"), "{}", said.err);
    for name in ["../x", ".x", "a/b", "x"] {
        let said = daemon.shoal(&["checkpoint", "create", "still", name]);
        assert!(said.code != 0 && said.err.contains("Invalid checkpoint ID"), "{name}: {}", said.err);
    }
    let said = daemon.shoal(&["checkpoint", "rm", "still", "none"]);
    assert!(said.err.contains("checkpoint none does not exist for container still"), "{}", said.err);
    let said = daemon.shoal(&["start", "--checkpoint", "none", "still"]);
    assert!(said.err.contains("checkpoint none does not exist for container still"), "{}", said.err);
    assert_eq!(daemon.shoal(&["checkpoint", "ls", "still"]).ok(), "CHECKPOINT NAME");
    if criu_works() {
        daemon.docker(&["run", "-dt", "--name", "terminal", "busybox", "sleep", "1000"]).ok();
        let said = daemon.shoal(&["checkpoint", "create", "terminal", "one"]);
        assert!(said.code != 0 && said.err.contains("with a terminal is not implemented"), "{}", said.err);
        assert_eq!(inspect(&daemon, "terminal", "{{.State.Status}}"), "running");
        let dir =
            daemon.path("data/containers").join(inspect(&daemon, "terminal", "{{.Id}}")).join("checkpoints");
        let left = fs::read_dir(&dir).map_or(0, Iterator::count);
        assert_eq!(left, 0, "half a checkpoint is left in {}", dir.display());
    }
}

fn is_refused(daemon: &Daemon) {
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    let said = daemon.docker(&["checkpoint", "create", "one", "first"]);
    assert!(said.code == 1 && said.err.contains("checkpoints are not available: criu"), "{}", said.err);
    assert_eq!(inspect(daemon, "one", "{{.State.Status}}"), "running");
    assert_eq!(daemon.docker(&["checkpoint", "ls", "one"]).ok(), "CHECKPOINT NAME");
    assert!(Path::new("/proc").join(inspect(daemon, "one", "{{.State.Pid}}")).exists());
}
