//! Logs of services and tasks, from several machines, by both clients.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use testkit::{Daemon, Lan, Pair, eventually};

use crate::fault::nodes::Nodes;

/// What each task writes: one line on each stream, and one more when told to stop.
const PROGRAM: &str =
    "echo out of $HOSTNAME; echo err >&2; trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done";

fn create(daemon: &Daemon, words: &[&str]) {
    let create = ["service", "create", "--detach", "--no-resolve-image"];
    daemon.docker(&[&create[..], words, &["busybox", "sh", "-c", PROGRAM]].concat()).ok();
}

#[test]
fn lines_of_all_tasks_with_their_names() {
    let mut pair = Pair::joined();
    create(
        &pair.manager,
        &["--name", "web", "--replicas", "4", "--hostname", "{{.Node.Hostname}}-{{.Task.Slot}}"],
    );
    for client in [Daemon::docker, Daemon::shoal] {
        let said = eventually("all tasks have written", || {
            let said = client(&pair.manager, &["service", "logs", "web"]);
            if said.out.lines().count() == 4 && said.err.lines().count() == 4 {
                Ok(said)
            } else {
                Err(said.out + &said.err)
            }
        });
        let mut slots: Vec<&str> =
            said.out.lines().map(|line| line.split('.').nth(1).expect("web.SLOT.ID@NODE")).collect();
        slots.sort_unstable();
        assert_eq!(slots, ["1", "2", "3", "4"], "{}", said.out);
        assert!(said.out.lines().all(|line| line.contains("    | out of ")), "{}", said.out);
        assert!(said.err.lines().all(|line| line.ends_with("    | err")), "{}", said.err);
        let tail = client(&pair.manager, &["service", "logs", "--raw", "--tail", "0", "web"]);
        assert_eq!((tail.code, tail.out.as_str(), tail.err.as_str()), (0, "", ""));
        let raw = client(&pair.manager, &["service", "logs", "--raw", "--timestamps", "web"]).ok();
        assert!(raw.lines().all(|line| line.starts_with("20") && line.contains("Z out of ")), "{raw}");
        let none = client(&pair.manager, &["service", "logs", "nothing"]);
        assert!(none.code != 0 && none.err.contains("no such task or service: nothing"), "{none:?}");
        let worker = client(&pair.worker, &["service", "logs", "web"]);
        assert!(worker.err.contains("This node is not a swarm manager"), "{worker:?}");
    }
    let tasks = pair.manager.docker(&["service", "ps", "-q", "--no-trunc", "web"]).ok();
    let one = tasks.lines().next().expect("a task");
    assert_eq!(pair.manager.shoal(&["service", "logs", one]).ok().lines().count(), 1);

    // A machine that is gone is named, and what the other one has is told.
    let node = pair.worker.docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok();
    pair.lan.unplug(1);
    eventually("it is down", || {
        let said = pair.manager.docker(&["node", "ls"]).ok();
        if said.contains("Down") { Ok(()) } else { Err(said) }
    });
    for client in [Daemon::docker, Daemon::shoal] {
        let said = client(&pair.manager, &["service", "logs", "web"]);
        let words = format!("node {node} is not available");
        assert!(said.err.contains("incomplete log stream") && said.err.contains(&words), "{said:?}");
        assert!(said.out.lines().count() >= 2, "{said:?}");
    }
    pair.lan.plug(1);
    pair.worker.stop();
}

#[test]
fn followers_hear_new_tasks_and_ends() {
    let lan = Lan::new(1);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    create(&daemon, &["--name", "web"]);
    for words in [["docker", "web"], ["shoal", "web"]] {
        let mut command = match words[0] {
            "docker" => Command::new("docker"),
            _ => Command::new(testkit::program::programs().join("shoal")),
        };
        command.args(["-H", &daemon.host(), "service", "logs", "--follow", "web"]);
        let mut follower = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("follows");
        let mut lines = BufReader::new(follower.stdout.take().expect("output")).lines();
        let mut next = |what: &str| loop {
            let line = lines.next().expect("more comes").expect("text");
            if line.contains(what) {
                return;
            }
        };
        next("out of");
        daemon.docker(&["service", "update", "--detach", "--force", "--stop-grace-period", "5s", "web"]).ok();
        next("bye");
        next("out of");
        follower.kill().expect("ends");
        follower.wait().expect("ended");
    }
    // What has ended is told as long as its container is kept.
    eventually("two tasks have ended", || {
        let said = daemon.docker(&["service", "logs", "web"]).ok();
        if said.lines().filter(|line| line.ends_with("bye")).count() >= 2 { Ok(()) } else { Err(said) }
    });
    daemon
        .docker(&[
            "service",
            "create",
            "--detach",
            "--name",
            "term",
            "--tty",
            "busybox",
            "sh",
            "-c",
            "echo hi; sleep 1000",
        ])
        .ok();
    let raw = eventually("a terminal's output", || {
        let said = daemon.shoal(&["service", "logs", "--raw", "term"]);
        if said.out.contains("hi") { Ok(said.out) } else { Err(said.out + &said.err) }
    });
    assert!(raw.contains("hi"));
    let neat = daemon.shoal(&["service", "logs", "term"]);
    assert!(neat.err.contains("tty service logs only supported with --raw"), "{neat:?}");
}

/// What each task writes: numbers, one after the other.
const COUNTS: &str = "i=0; while :; do echo number $i; i=$((i+1)); sleep 0.05; done";
/// Lines of each task before the leader is lost, and after it.
const LINES: (u64, u64) = (20, 120);

/// A client that follows the logs of a service whose tasks count.
struct Follower {
    child: Child,
    lines: Receiver<String>,
    /// What each task has told, by what its lines begin with.
    numbers: BTreeMap<String, Vec<u64>>,
}

impl Follower {
    fn start(mut client: Command) -> Self {
        let mut child = client.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("follows");
        let out = child.stdout.take().expect("output");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        Self { child, lines, numbers: BTreeMap::new() }
    }

    /// Hears until each of two tasks has come to this number.
    fn hear(&mut self, last: u64) {
        let is_there = |all: &Vec<u64>| all.last().is_some_and(|number| *number >= last);
        while self.numbers.len() < 2 || !self.numbers.values().all(is_there) {
            let line = self.lines.recv_timeout(testkit::eventually::step());
            let line = line.unwrap_or_else(|error| panic!("no line comes: {error}: {:?}", self.numbers));
            let (task, number) = line.split_once("number ").unwrap_or_else(|| panic!("no number: {line}"));
            let number = number.trim().parse().unwrap_or_else(|_| panic!("no number: {line}"));
            self.numbers.entry(task.trim().to_owned()).or_default().push(number);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn followers_go_on_when_the_leader_is_lost() {
    let mut nodes = Nodes::form(3, 1);
    let leader = nodes.leader();
    let by = &nodes.daemons[(leader + 1) % nodes.managers];
    let words = ["--name", "web", "--replicas", "2", "--constraint", "node.role==worker"];
    let create = ["service", "create", "--detach", "--no-resolve-image"];
    by.docker(&[&create[..], &words, &["busybox", "sh", "-c", COUNTS]].concat()).ok();
    nodes.runs_exactly("web", 2);
    let mut docker = Command::new("docker");
    docker.args(["-H", &by.host(), "service", "logs", "--follow", "web"]);
    let tail = by.command(&["service", "logs", "--follow", "--tail", "1", "web"]);
    let mut followers: Vec<Follower> = [docker, tail].into_iter().map(Follower::start).collect();
    for follower in &mut followers {
        follower.hear(LINES.0);
    }
    nodes.daemons[leader].kill();
    for follower in &mut followers {
        let heard = follower.numbers.values().filter_map(|all| all.last()).max().copied().unwrap_or_default();
        follower.hear(heard + LINES.1);
        for (task, all) in &follower.numbers {
            let gap = all.windows(2).find(|pair| pair[1] != pair[0] + 1);
            assert!(gap.is_none(), "of {task} a line is missing or was told twice: {gap:?} in {all:?}");
        }
    }
    assert!(followers[0].numbers.values().all(|all| all[0] == 0), "from the beginning");
}
