//! Three machines whose managers agree: joining, losing the leader, promotion and demotion.

use std::time::{Duration, Instant};

use testkit::{Daemon, Lan, eventually};

/// How long writes may stand still when the leader is killed, on a machine that does other things as well.
const FAILOVER: Duration = Duration::from_secs(6);

struct Swarm {
    // Dropped in this order: daemons before their machines.
    daemons: Vec<Daemon>,
    _lan: Lan,
}

impl Swarm {
    /// So many machines; the first has made a swarm.
    fn new(count: usize) -> Self {
        let lan = Lan::new(count);
        let daemons: Vec<Daemon> = lan.hosts.iter().map(|host| Daemon::start_in(host, &[])).collect();
        daemons[0].docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
        Self { daemons, _lan: lan }
    }

    /// So many machines, all of them managers.
    fn of_managers(count: usize) -> Self {
        let swarm = Self::new(count);
        for index in 1..count {
            let said = swarm.join(index, "manager");
            assert!(said.contains("joined a swarm as a manager"), "{said}");
        }
        swarm.managers(0, count);
        swarm
    }

    fn join(&self, index: usize, role: &str) -> String {
        let token = self.daemons[0].docker(&["swarm", "join-token", "-q", role]).ok();
        let remote = format!("{}:2377", Lan::address(0));
        self.daemons[index].docker(&["swarm", "join", "--token", &token, &remote]).ok()
    }

    /// Waits until so many managers can be reached, one of which leads, as this one says.
    fn managers(&self, by: usize, count: usize) {
        eventually(&format!("{count} managers"), || {
            let said = self.daemons[by].docker(&["node", "ls", "--format", "{{.ManagerStatus}}"]);
            let (leaders, reachable) =
                (said.out.matches("Leader").count(), said.out.matches("Reachable").count());
            if (leaders, reachable) == (1, count - 1) {
                Ok(())
            } else {
                Err(format!("{}{}", said.out, said.err))
            }
        });
    }

    fn node_id(&self, index: usize) -> String {
        self.daemons[index].docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok()
    }

    /// The machine that leads, as another says.
    fn leader(&self, by: usize) -> usize {
        let said = self.daemons[by].docker(&["node", "ls", "--format", "{{.ID}} {{.ManagerStatus}}"]).ok();
        let leader =
            said.lines().find_map(|line| line.strip_suffix(" Leader")).expect("one leads").to_owned();
        let running = (0..self.daemons.len()).filter(|index| self.daemons[*index].is_running());
        running.into_iter().find(|index| self.node_id(*index) == leader).expect("it is one of them")
    }

    fn create(&self, by: usize, name: &str) -> testkit::Said {
        self.daemons[by].docker(&[
            "service",
            "create",
            "-d",
            "--name",
            name,
            "--replicas",
            "0",
            "shoal/hello-http",
        ])
    }

    fn services(&self, by: usize) -> Vec<String> {
        let said = self.daemons[by].docker(&["service", "ls", "--format", "{{.Name}}"]).ok();
        let mut names: Vec<String> = said.lines().map(str::to_owned).collect();
        names.sort();
        names
    }
}

#[test]
fn any_of_three_managers_serves_and_the_leader_may_die() {
    let mut swarm = Swarm::of_managers(3);
    for by in 0..3 {
        swarm.create(by, &format!("by{by}")).ok();
    }
    for by in 0..3 {
        assert_eq!(swarm.services(by), ["by0", "by1", "by2"]);
        let info = swarm.daemons[by]
            .docker(&[
                "info",
                "--format",
                "{{.Swarm.Managers}} {{.Swarm.ControlAvailable}} {{len .Swarm.RemoteManagers}}",
            ])
            .ok();
        assert_eq!(info, "3 true 3");
    }
    let leader = swarm.leader(0);
    let by = (leader + 1) % 3;
    let begun = Instant::now();
    swarm.daemons[leader].crash();
    eventually("a write is accepted", || {
        let said = swarm.create(by, "after");
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    });
    let took = begun.elapsed();
    eprintln!("leader killed to next accepted write: {took:?}");
    assert!(took < FAILOVER, "{took:?}");
    swarm.daemons[leader].restart();
    swarm.managers(leader, 3);
    assert_eq!(swarm.services(leader), ["after", "by0", "by1", "by2"]);
    let other = (leader + 2) % 3;
    swarm.daemons[by].crash();
    swarm.daemons[other].crash();
    eventually("one of three refuses", || {
        let said = swarm.create(leader, "alone");
        if said.err.contains("The swarm does not have a leader") { Ok(()) } else { Err(said.err) }
    });
    swarm.daemons[by].restart();
    swarm.daemons[other].restart();
    swarm.managers(by, 3);
    assert!(!swarm.services(by).contains(&"alone".to_owned()), "what was refused is not done");
}

#[test]
fn agents_follow_the_leader_and_nobody_is_taken_for_dead() {
    let mut swarm = Swarm::of_managers(3);
    swarm.daemons.iter().for_each(Daemon::load_images);
    swarm.daemons[0]
        .docker(&["service", "create", "-d", "--name", "web", "--replicas", "3", "shoal/hello-http"])
        .ok();
    let running = |swarm: &Swarm, index: usize| swarm.daemons[index].docker(&["ps", "-q", "--no-trunc"]).ok();
    eventually("each runs one", || {
        let all: Vec<String> = (0..3).map(|index| running(&swarm, index)).collect();
        if all.iter().all(|ids| ids.lines().count() == 1) { Ok(()) } else { Err(format!("{all:?}")) }
    });
    let before: Vec<String> = (0..3).map(|index| running(&swarm, index)).collect();
    let leader = swarm.leader(0);
    let (by, on) = ((leader + 1) % 3, (leader + 2) % 3);
    let node = swarm.node_id(on);
    let begun = Instant::now();
    swarm.daemons[leader].kill();
    let constraint = format!("node.id=={node}");
    eventually("a service is accepted", || {
        let said = swarm.daemons[by].docker(&[
            "service",
            "create",
            "-d",
            "--name",
            "more",
            "--constraint",
            &constraint,
            "shoal/hello-http",
        ]);
        if said.code == 0 || said.err.contains("already exists") { Ok(()) } else { Err(said.err) }
    });
    eventually("its task runs", || {
        let ids = running(&swarm, on);
        if ids.lines().count() == 2 { Ok(()) } else { Err(ids) }
    });
    let took = begun.elapsed();
    eprintln!("leader killed to a new task running elsewhere: {took:?}");
    assert!(took < FAILOVER + FAILOVER, "{took:?}");
    swarm.daemons[leader].restart();
    swarm.managers(by, 3);
    eventually("all nodes are ready", || {
        let said = swarm.daemons[by].docker(&["node", "ls", "--format", "{{.Status}}"]).ok();
        if said.matches("Ready").count() == 3 { Ok(()) } else { Err(said) }
    });
    for index in [by, on] {
        assert!(
            running(&swarm, index).contains(&before[index]),
            "a task was replaced that nothing had happened to"
        );
    }
}

#[test]
fn a_worker_is_promoted_and_demoted_and_its_containers_go_on() {
    let swarm = Swarm::new(2);
    assert!(swarm.join(1, "worker").contains("joined a swarm as a worker"));
    swarm.daemons.iter().for_each(Daemon::load_images);
    let worker = swarm.node_id(1);
    swarm.daemons[0]
        .docker(&[
            "service",
            "create",
            "-d",
            "--name",
            "web",
            "--constraint",
            &format!("node.id=={worker}"),
            "shoal/hello-http",
        ])
        .ok();
    let containers = || swarm.daemons[1].docker(&["ps", "-q", "--no-trunc"]).ok();
    eventually("its container runs", || if containers().is_empty() { Err("none") } else { Ok(()) });
    let container = containers();

    swarm.daemons[0].docker(&["node", "promote", &worker]).ok();
    swarm.managers(0, 2);
    eventually("it serves", || {
        let said = swarm.daemons[1].docker(&["node", "ls", "-q"]);
        if said.out.lines().count() == 2 { Ok(()) } else { Err(said.err) }
    });
    assert_eq!(containers(), container);
    let said = swarm.daemons[1].docker(&["swarm", "leave"]);
    assert!(said.err.contains("Removing this node leaves 1 managers out of 2"), "{}", said.err);

    // The leader is demoted by the other, which leads then.
    let first = swarm.node_id(0);
    swarm.daemons[1].docker(&["node", "demote", &first]).ok();
    eventually("it is a worker", || {
        let said = swarm.daemons[0].docker(&["info", "--format", "{{.Swarm.ControlAvailable}}"]).ok();
        if said == "false" { Ok(()) } else { Err(said) }
    });
    swarm.managers(1, 1);
    let said = swarm.daemons[0].docker(&["node", "ls"]);
    assert!(said.err.contains("This node is not a swarm manager"), "{}", said.err);
    let said = swarm.daemons[1].docker(&["node", "demote", &worker]);
    assert!(said.err.contains("attempting to demote the last manager of the swarm"), "{}", said.err);
    swarm.create(1, "after").ok();
    assert_eq!(containers(), container);
    eventually("both nodes are ready", || {
        let said = swarm.daemons[1].docker(&["node", "ls", "--format", "{{.Status}}"]).ok();
        if said.matches("Ready").count() == 2 { Ok(()) } else { Err(said) }
    });

    // And back again: as another member.
    swarm.daemons[1].docker(&["node", "promote", &first]).ok();
    swarm.managers(0, 2);
    assert_eq!(swarm.services(0), ["after", "web"]);
}

#[test]
fn a_demotion_that_would_lose_the_quorum_is_refused() {
    let mut swarm = Swarm::of_managers(3);
    let leader = swarm.leader(0);
    let (lost, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let (lost_id, other_id) = (swarm.node_id(lost), swarm.node_id(other));
    swarm.daemons[lost].crash();
    eventually("one is unreachable", || {
        let said = swarm.daemons[leader].docker(&["node", "ls", "--format", "{{.ManagerStatus}}"]);
        if said.out.contains("Unreachable") { Ok(()) } else { Err(said.out) }
    });
    let said = swarm.daemons[leader].docker(&["node", "demote", &other_id]);
    assert!(said.err.contains("this would result in a loss of quorum"), "{}", said.err);
    let said = swarm.daemons[leader].docker(&["node", "rm", "--force", &lost_id]);
    assert!(said.err.contains("must be demoted to worker before removal"), "{}", said.err);
    swarm.daemons[leader].docker(&["node", "demote", &lost_id]).ok();
    swarm.managers(leader, 2);
    eventually("it can be removed", || {
        let said = swarm.daemons[leader].docker(&["node", "rm", "--force", &lost_id]);
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    });
    // A manager that leaves goes in order.
    swarm.daemons[other].docker(&["swarm", "leave", "--force"]).ok();
    swarm.managers(leader, 1);
    swarm.create(leader, "after").ok();
}

#[test]
fn the_root_is_rotated_among_three_managers_and_one_that_slept_returns() {
    let mut swarm = Swarm::of_managers(3);
    let leader = swarm.leader(0);
    let (by, late) = ((leader + 1) % 3, (leader + 2) % 3);
    let rotate = |swarm: &Swarm| swarm.daemons[by].shoal(&["swarm", "ca", "--rotate"]).ok();
    let ready = |swarm: &Swarm, count: usize| {
        eventually(&format!("{count} nodes are of the new root"), || {
            let said =
                swarm.daemons[by].docker(&["node", "ls", "--format", "{{.Status}}/{{.TLSStatus}}"]).ok();
            if said.matches("Ready/Ready").count() == count { Ok(()) } else { Err(said) }
        });
    };
    let first = rotate(&swarm);
    assert!(first.contains("3/3 nodes"), "{first}");
    ready(&swarm, 3);
    assert_eq!(swarm.leader(by), leader, "nobody was taken for lost");
    for by in 0..3 {
        swarm.create(by, &format!("by{by}")).ok();
    }

    // One sleeps while the others move on: its certificate is of a root that is gone when it returns.
    let node = swarm.node_id(late);
    swarm.daemons[late].crash();
    eventually("it is down", || {
        let said = swarm.daemons[by].docker(&["node", "inspect", "-f", "{{.Status.State}}", &node]).ok();
        if said == "down" { Ok(()) } else { Err(said) }
    });
    let second = rotate(&swarm);
    assert!(second != first && second.contains("2/2 nodes"), "{second}");
    swarm.daemons[late].restart();
    ready(&swarm, 3);
    swarm.managers(late, 3);
    swarm.create(late, "after").ok();
    assert_eq!(swarm.services(by), ["after", "by0", "by1", "by2"]);
}
