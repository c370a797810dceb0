//! Every point of every verb at which the daemon, or a shim, may die.
//!
//! A verb is run again and again, and dies at its first, second, third … crash point, until it comes through. After
//! each death the daemon is started anew, and what the verb concerned is removed by ordinary commands. Then the disk and
//! the kernel's tables must be exactly as they were before the verb was ever run.

use std::collections::BTreeSet;
use std::process::Command;

use testkit::program::run as run_program;
use testkit::{Daemon, Lan, eventually};

/// More points than any verb has: a verb that passes so many goes round in circles.
const MOST_POINTS: u64 = 400;

/// A daemon on a machine of its own, with a container that must not notice anything.
struct Bench {
    daemon: Daemon,
    kept: String,
    before: BTreeSet<String>,
    _lan: Lan,
}

impl Bench {
    fn new() -> Bench {
        let lan = Lan::new(1);
        let daemon = Daemon::start_in(&lan.hosts[0], &[]);
        daemon.load_images();
        daemon.docker(&["run", "-d", "--name", "kept", "-p", "7000:80", "shoal/hello-http"]).ok();
        let mut bench = Bench { daemon, kept: String::new(), before: BTreeSet::new(), _lan: lan };
        bench.kept = bench.process();
        bench.before = bench.settled();
        bench
    }

    fn process(&self) -> String {
        self.daemon
            .shoal(&["inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}} {{.State.Status}}", "kept"])
            .ok()
    }

    /// What is there once nothing changes any more.
    fn settled(&self) -> BTreeSet<String> {
        let mut last = self.daemon.traces();
        eventually("the daemon comes to rest", || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let now = self.daemon.traces();
            let same = now == last;
            last = now;
            if same { Ok(()) } else { Err("it still changes something") }
        });
        last
    }

    /// Dies at each point of `verb`, which `prepare` makes possible; `undo` are the commands that remove what came of
    /// it, of which some may find nothing to remove.
    fn walk(&mut self, prepare: &[&[&str]], verb: &[&str], undo: &[&[&str]]) {
        for point in 1..=MOST_POINTS {
            for command in prepare {
                self.daemon.shoal(command).ok();
            }
            self.daemon.crash_at(point);
            let said = self.daemon.shoal(verb);
            if !self.daemon.has_crashed() {
                // Some of it goes on behind the answer.
                self.settled();
            }
            let (passed, deadly) = self.daemon.crash_over();
            let place = format!("{verb:?} died at point {point}, {:?}", passed.last());
            if !self.daemon.is_running() {
                self.daemon.restart();
            }
            assert_eq!(self.process(), self.kept, "{place}: another container noticed");
            for command in undo {
                let undone = self.daemon.shoal(command);
                let nothing = undone.err.contains("o such") || undone.err.contains("not found");
                assert!(undone.code == 0 || nothing, "{place}: {command:?}: {}", undone.err);
            }
            eventually(&format!("{place}: everything is as before"), || {
                let now = self.daemon.traces();
                let left: Vec<_> = now.difference(&self.before).collect();
                let gone: Vec<_> = self.before.difference(&now).collect();
                if left.is_empty() && gone.is_empty() {
                    Ok(())
                } else {
                    Err(format!("left {left:#?}, gone {gone:#?}"))
                }
            });
            if !deadly {
                assert_eq!(said.code, 0, "{verb:?} came through and failed: {}", said.err);
                assert!(point > 1, "{verb:?} passes no crash point: are the programs built for it?");
                return;
            }
        }
        panic!("{verb:?} passes more than {MOST_POINTS} points");
    }
}

const CREATE: &[&str] = &["create", "--name", "victim", "-p", "7001:80", "shoal/hello-http"];
const RUN: &[&str] = &["run", "-d", "--name", "victim", "-p", "7001:80", "shoal/hello-http"];
const REMOVE: &[&str] = &["rm", "-f", "victim"];

#[test]
fn create_and_remove() {
    let mut bench = Bench::new();
    bench.walk(&[], CREATE, &[REMOVE]);
    bench.walk(&[CREATE], &["rm", "victim"], &[REMOVE]);
}

#[test]
fn run() {
    Bench::new().walk(&[], RUN, &[REMOVE]);
}

#[test]
fn stop_and_start() {
    let mut bench = Bench::new();
    bench.walk(&[RUN], &["stop", "victim"], &[REMOVE]);
    bench.walk(&[RUN], &["restart", "-t", "0", "victim"], &[REMOVE]);
}

#[test]
fn remove_by_force() {
    Bench::new().walk(&[RUN], &["rm", "-f", "victim"], &[REMOVE]);
}

#[test]
fn changes_of_what_exists() {
    let mut bench = Bench::new();
    bench.walk(&[RUN], &["pause", "victim"], &[REMOVE]);
    bench.walk(&[RUN, &["pause", "victim"]], &["unpause", "victim"], &[REMOVE]);
    bench.walk(&[RUN], &["update", "--memory", "64m", "--restart", "always", "victim"], &[REMOVE]);
    bench.walk(&[CREATE], &["rename", "victim", "other"], &[REMOVE, &["rm", "-f", "other"]]);
    bench.walk(&[CREATE], &["container", "prune", "-f"], &[REMOVE]);
}

#[test]
fn run_and_forget() {
    Bench::new().walk(&[], &["run", "--rm", "--name", "victim", "busybox", "true"], &[REMOVE]);
}

#[test]
fn images() {
    let mut bench = Bench::new();
    let hello = testkit::program::programs().join("hello-http.tar").display().to_string();
    bench.walk(&[], &["tag", "busybox", "other:1"], &[&["rmi", "other:1"]]);
    bench.walk(&[&["tag", "busybox", "other:1"]], &["rmi", "other:1"], &[&["rmi", "other:1"]]);
    bench.walk(&[], &["load", "-q", "-i", &hello], &[]);
    // Few entries, since each is a point.
    let archive = bench.daemon.path("small.tar");
    let root = bench.daemon.path("small");
    std::fs::create_dir_all(root.join("a")).unwrap();
    std::fs::write(root.join("a/file"), "small").unwrap();
    run_program(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("a")).ok();
    let archive = archive.display().to_string();
    bench.walk(&[], &["import", "--message", "another", &archive, "other:2"], &[&["rmi", "other:2"]]);
}

const WITH_VOLUMES: &[&str] =
    &["create", "--name", "victim", "-v", "/own", "-v", "data:/data", "-p", "7001:80", "shoal/hello-http"];
const REMOVE_WITH_VOLUMES: &[&str] = &["rm", "-f", "-v", "victim"];
const REMOVE_VOLUME: &[&str] = &["volume", "rm", "-f", "data"];

#[test]
fn volumes_are_made_and_removed() {
    let mut bench = Bench::new();
    bench.walk(&[], WITH_VOLUMES, &[REMOVE_WITH_VOLUMES, REMOVE_VOLUME]);
    bench.walk(&[WITH_VOLUMES], REMOVE_WITH_VOLUMES, &[REMOVE_WITH_VOLUMES, REMOVE_VOLUME]);
    bench.walk(&[&["volume", "create", "data"]], &["volume", "rm", "data"], &[REMOVE_VOLUME]);
}

#[test]
fn commit() {
    let mut bench = Bench::new();
    bench.walk(&[RUN], &["commit", "victim", "made"], &[REMOVE, &["rmi", "made"]]);
}

#[test]
fn a_copy_into_a_stopped_container() {
    let mut bench = Bench::new();
    bench.walk(&[CREATE], &["cp", "/etc/hostname", "victim:/"], &[REMOVE]);
}
