//! A container that is stuck holds up nobody: looking takes milliseconds, and others go on.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{Daemon, eventually};

/// What looking may take.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How often one may look slower than that on a machine that other tests keep busy.
const LOOKS: usize = 20;

/// Looks in each way there is, over and over; at least one in two must be fast, whatever else the machine does.
fn looking_is_fast(daemon: &Daemon, name: &str) {
    let until = "since=1&until=2";
    for path in [
        "/containers/json?all=1".to_owned(),
        format!("/containers/{name}/json"),
        format!("/events?{until}"),
        "/_ping".to_owned(),
    ] {
        let mut times: Vec<Duration> = (0..LOOKS)
            .map(|_| {
                let begun = Instant::now();
                let (status, body) = daemon.request("GET", &path);
                assert_eq!(status, 200, "{path}: {body}");
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        assert!(times[LOOKS / 2] < AT_ONCE, "{path}: {times:?}");
    }
}

/// The shim of a container, stopped until it is dropped.
struct Stopped(Pid);

impl Stopped {
    fn of(daemon: &Daemon, name: &str) -> Stopped {
        let pid = daemon.docker(&["inspect", "-f", "{{.State.Pid}}", name]).ok();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();
        let shim = Pid::from_raw(parent.parse().unwrap());
        kill(shim, Signal::SIGSTOP).unwrap();
        Stopped(shim)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have been killed for its silence.
        kill(self.0, Signal::SIGCONT).ok();
    }
}

#[test]
fn looking_is_fast_while_one_is_stuck_and_others_start() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["run", "-d", "--name", "stuck", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["run", "-d", "--name", "frozen", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["pause", "frozen"]).ok();
    let shim = Stopped::of(&daemon, "stuck");
    std::thread::scope(|scope| {
        // A request for the stuck one waits for its shim, and only it does.
        let stopping = scope.spawn(|| daemon.docker(&["stop", "-t", "0", "stuck"]));
        eventually("the stop has reached the daemon", || {
            if daemon.log().contains("path=\"/containers/stuck/stop\"") { Ok(()) } else { Err("not yet") }
        });
        looking_is_fast(&daemon, "stuck");
        let starting: Vec<_> = (0..8)
            .map(|number| {
                let (daemon, name) = (&daemon, format!("other{number}"));
                scope
                    .spawn(move || daemon.docker(&["run", "-d", "--name", &name, "busybox", "sleep", "1000"]))
            })
            .collect();
        looking_is_fast(&daemon, "frozen");
        for other in starting {
            other.join().unwrap().ok();
        }
        // A silent shim is killed in the end, and its container with it.
        stopping.join().unwrap().ok();
    });
    drop(shim);
    let said = daemon.docker(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "stuck"]).ok();
    assert_eq!(said, "exited 137");
    assert_eq!(daemon.docker(&["ps", "-q"]).ok().lines().count(), 9, "eight others and the frozen one");
}
