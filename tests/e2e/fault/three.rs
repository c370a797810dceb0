//! Faults of a swarm with three managers: one hangs, one is lost, one's clock is set, most move, all are lost but for a backup.

use std::fs;
use std::time::{Duration, Instant};

use testkit::{Daemon, Lan, eventually};

use super::nodes::Nodes;

const MANAGERS: [usize; 3] = [0, 1, 2];

/// Certificates are asked for and given, and connections judged, by clocks an hour apart.
#[test]
fn a_root_is_rotated_while_the_leader_s_clock_is_an_hour_slow() {
    const HOUR_S: i64 = 3600;
    let nodes = Nodes::form(3, 2);
    let workload = nodes.workload();
    let set = nodes.leader();
    nodes.daemons[set].set_clock(-HOUR_S);
    nodes.go_on(&workload, &MANAGERS);
    let said = nodes.daemons[set].shoal(&["swarm", "ca", "--rotate"]).ok();
    assert!(said.contains("5/5 nodes"), "{said}");
    let cluster = "{{.Swarm.Cluster.CreatedAt}} {{.Swarm.Cluster.UpdatedAt}}";
    let times = nodes.daemons[set].shoal(&["info", "--format", cluster]).ok();
    let (made, changed) = times.split_once(' ').expect("two times");
    assert!(changed < made, "the leader's clock was set: {times}");
    // What was given by the slow clock is good by the right one.
    nodes.daemons[set].set_clock(0);
    nodes.go_on(&workload, &MANAGERS);
    nodes.all_ready();
    workload.judge();
}

/// What ran on a leader that is lost runs elsewhere as soon as if it had been a worker's: the managers know twice over that it is silent.
#[test]
fn a_lost_leader_s_tasks_are_not_waited_for_longer() {
    /// An election (1 s), the patience with a node (5 s), and as much as that for a busy machine; a node of which a new leader knows
    /// nothing is given 15 s.
    const LIMIT: Duration = Duration::from_secs(12);
    let mut nodes = Nodes::form(3, 0);
    nodes.serve("web", 3);
    let workload = nodes.workload();
    nodes.go_on(&workload, &MANAGERS);
    let lost = nodes.leader();
    let others: Vec<usize> = MANAGERS.into_iter().filter(|index| *index != lost).collect();
    nodes.daemons[lost].crash();
    let began = Instant::now();
    eventually("three tasks run on two nodes", || {
        let running: Vec<String> = others.iter().flat_map(|index| nodes.containers("web", *index)).collect();
        if running.len() == 3 { Ok(()) } else { Err(format!("{running:?}")) }
    });
    let took = began.elapsed();
    eprintln!("the leader is lost: its task runs elsewhere after {took:.1?}");
    assert!(took < LIMIT, "{took:?}");
    workload.judge();
}

/// A worker whose leader hangs takes a session with another manager, and a task of a service that was made meanwhile runs on it.
#[test]
fn a_worker_leaves_a_leader_that_hangs() {
    /// Within so long: until the next heartbeat (2 s), until that counts as not answered (2 s), and as much again for the session
    /// and the container on a machine that is busy. A new leader is elected meanwhile.
    const LIMIT: Duration = Duration::from_secs(8);
    let nodes = Nodes::form(3, 1);
    for index in MANAGERS {
        nodes.daemons[0].shoal(&["node", "update", "--availability", "drain", &nodes.ids[index]]).ok();
    }
    let hung = nodes.leader();
    let asked = &nodes.daemons[(hung + 1) % MANAGERS.len()];
    nodes.daemons[hung].pause();
    let began = Instant::now();
    let create = ["service", "create", "--detach", "--name", "web", "shoal/hello-http"];
    eventually("a service is made", || {
        let said = asked.shoal(&create);
        if said.code == 0 || said.err.contains("already exists") { Ok(()) } else { Err(said.err) }
    });
    let made = began.elapsed();
    let container = eventually("its task runs on the worker", || {
        let mut there = nodes.containers("web", 3);
        there.pop().ok_or_else(|| asked.shoal(&["service", "ps", "--no-trunc", "web"]).out)
    });
    let took = began.elapsed();
    eprintln!(
        "the leader hangs: a service is made after {made:.1?}, its task runs on the worker after {took:.1?}"
    );
    assert!(took < LIMIT, "{took:?}");
    nodes.daemons[hung].resume();
    nodes.all_ready();
    assert_eq!(nodes.containers("web", 3), [container], "it stays when the former leader is back");
}

/// Three managers are lost for good. A machine that has nothing but the first one's address and a backup takes their place, and the
/// workers' containers are what they were.
#[test]
fn a_backup_is_restored_beside_workers_that_live() {
    const PASSPHRASE: &str = "correct horse battery staple";
    let mut nodes = Nodes::form(3, 2);
    for index in MANAGERS {
        nodes.daemons[0].shoal(&["node", "update", "--availability", "drain", &nodes.ids[index]]).ok();
    }
    nodes.serve("web", 4);
    let before = [nodes.containers("web", 3), nodes.containers("web", 4)];
    let directory = tempfile::tempdir().expect("a directory");
    let passphrase = directory.path().join("passphrase");
    fs::write(&passphrase, PASSPHRASE).expect("writes");
    let passphrase = passphrase.to_str().expect("a path");
    let to = directory.path().to_str().expect("a path");
    let backup = ["swarm", "backup", "--to", to, "--passphrase-file", passphrase];
    let file = nodes.daemons[1].shoal(&backup).ok();
    for index in MANAGERS {
        nodes.daemons[index].crash();
    }

    fs::remove_dir_all(nodes.daemons[0].path("data/swarm")).expect("nothing is left of the swarm");
    nodes.daemons[0].restart();
    let address = Lan::address(0);
    let restore = ["swarm", "restore", "--advertise-addr", &address, "--passphrase-file", passphrase];
    nodes.daemons[0].shoal(&[&restore[..], &["--availability", "drain", &file]].concat()).ok();
    let status = |nodes: &Nodes, index: usize| {
        let of = ["node", "inspect", "--format", "{{.Status.State}}", &nodes.ids[index]];
        nodes.daemons[0].shoal(&of).ok()
    };
    eventually("the workers are back", || {
        let both = [status(&nodes, 3), status(&nodes, 4)];
        if both == ["ready", "ready"] { Ok(()) } else { Err(format!("{both:?}")) }
    });
    eventually("the former managers are down", || match status(&nodes, 1) {
        state if state == "down" => Ok(()),
        state => Err(state),
    });
    let tasks = nodes.daemons[0].shoal(&["service", "ps", "-q", "web"]).ok();
    assert_eq!(tasks.lines().count(), 4, "each is the task it was: {tasks}");
    assert_eq!([nodes.containers("web", 3), nodes.containers("web", 4)], before, "none was started anew");

    // It is a swarm like any other.
    nodes.daemons[0].shoal(&["service", "scale", "--detach", "web=6"]).ok();
    eventually("six run", || {
        let count = nodes.containers("web", 3).len() + nodes.containers("web", 4).len();
        if count == 6 { Ok(()) } else { Err(count.to_string()) }
    });
}

/// Two of three managers move at once: the one that stays is called by both and hears where they are.
#[test]
fn most_managers_move_to_other_addresses_at_once() {
    const MOVED: [usize; 2] = [1, 2];
    let lan = Lan::new(3);
    let mut daemons: Vec<Daemon> = lan.hosts.iter().map(|host| Daemon::start_in(host, &[])).collect();
    daemons[0].shoal(&["swarm", "init", "--advertise-addr", "eth0"]).ok();
    let token = daemons[0].shoal(&["swarm", "join-token", "-q", "manager"]).ok();
    let first = format!("{}:2377", Lan::address(0));
    for daemon in &daemons[1..] {
        daemon.shoal(&["swarm", "join", "--advertise-addr", "eth0", "--token", &token, &first]).ok();
    }
    let managers = |daemon: &Daemon, addresses: &[String]| {
        eventually("all are reachable where they are", || {
            let ids = daemon.shoal(&["node", "ls", "-q"]);
            let mut words = vec![
                "node",
                "inspect",
                "--format",
                "{{.ManagerStatus.Reachability}} {{.ManagerStatus.Addr}}",
            ];
            words.extend(ids.out.split_whitespace());
            let said = daemon.shoal(&words);
            let is_there = |address: &String| said.out.contains(&format!("reachable {address}:2377"));
            let is_whole = addresses.iter().all(is_there) && !said.out.contains("unreachable");
            if is_whole { Ok(()) } else { Err(format!("{}{}{}", ids.err, said.out, said.err)) }
        });
    };
    managers(&daemons[0], &[0, 1, 2].map(Lan::address));
    eventually("all have a vote", || match daemons[0].log().matches("AddVoter").count() {
        2 => Ok(()),
        count => Err(format!("{count} were added")),
    });
    for index in MOVED {
        daemons[index].kill();
    }
    // It has more in its log than they: only it can lead, and it does not know where they are.
    let said = daemons[0].shoal(&["swarm", "update", "--task-history-limit", "3"]);
    assert_ne!(said.code, 0, "{}", said.out);
    for index in MOVED {
        let with_mask = |number| format!("{}/24", Lan::address(number));
        lan.hosts[index].ip(&["addr", "del", &with_mask(index), "dev", "eth0"]);
        lan.hosts[index].ip(&["addr", "add", &with_mask(index + 10), "dev", "eth0"]);
        daemons[index].spawn();
    }
    for daemon in &daemons {
        managers(daemon, &[0, 11, 12].map(Lan::address));
    }
}
