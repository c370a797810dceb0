//! Two machines: joining, losing a worker, draining, and who is let in.

use testkit::{Daemon, Lan, Pair, eventually};

fn containers(daemon: &Daemon) -> usize {
    daemon.docker(&["ps", "-q"]).ok().lines().count()
}

#[test]
fn a_lost_workers_tasks_move_and_stop_when_it_returns() {
    let mut pair = Pair::apart();
    let node = pair.join("worker");
    pair.manager.docker(&["service", "create", "--name", "web", "--replicas", "6", "shoal/hello-http"]).ok();
    eventually("both nodes run three each", || {
        let both = (containers(&pair.manager), containers(&pair.worker));
        if both == (3, 3) { Ok(()) } else { Err(format!("{both:?}")) }
    });
    pair.worker.crash();
    eventually("six run on the manager", || {
        let count = containers(&pair.manager);
        if count == 6 { Ok(()) } else { Err(pair.manager.docker(&["service", "ps", "web"]).out) }
    });
    let status = pair.manager.docker(&["node", "inspect", "-f", "{{.Status.State}}", &node]).ok();
    assert_eq!(status, "down");
    pair.worker.restart();
    eventually("the worker is back, and the replaced tasks are not", || {
        let status = pair.manager.docker(&["node", "inspect", "-f", "{{.Status.State}}", &node]).ok();
        let both = (containers(&pair.manager), containers(&pair.worker));
        if status == "ready" && both == (6, 0) { Ok(()) } else { Err(format!("{status} {both:?}")) }
    });
}

#[test]
fn a_partitioned_worker_keeps_its_tasks_until_it_hears_otherwise() {
    let pair = Pair::apart();
    let node = pair.join("worker");
    pair.manager.docker(&["service", "create", "--name", "web", "--replicas", "4", "shoal/hello-http"]).ok();
    eventually("both nodes run two each", || {
        let both = (containers(&pair.manager), containers(&pair.worker));
        if both == (2, 2) { Ok(()) } else { Err(format!("{both:?}")) }
    });
    pair.lan.hosts[1].ip(&["link", "set", "eth0", "down"]);
    eventually("four run on the manager", || {
        let count = containers(&pair.manager);
        if count == 4 { Ok(()) } else { Err(count.to_string()) }
    });
    assert_eq!(containers(&pair.worker), 2, "the worker's tasks run on");
    pair.lan.hosts[1].ip(&["link", "set", "eth0", "up"]);
    eventually("the replaced ones are stopped", || {
        let count = containers(&pair.worker);
        if count == 0 { Ok(()) } else { Err(count.to_string()) }
    });
    assert_eq!(containers(&pair.manager), 4);
    let status = pair.manager.docker(&["node", "inspect", "-f", "{{.Status.State}}", &node]).ok();
    assert_eq!(status, "ready");
}

#[test]
fn drain_moves_tasks() {
    let pair = Pair::apart();
    let node = pair.join("worker");
    pair.manager.docker(&["service", "create", "--name", "web", "--replicas", "4", "shoal/hello-http"]).ok();
    eventually("the worker has two", || if containers(&pair.worker) == 2 { Ok(()) } else { Err("not yet") });
    pair.manager.docker(&["node", "update", "--availability", "drain", &node]).ok();
    eventually("all run on the manager", || {
        let both = (containers(&pair.manager), containers(&pair.worker));
        if both == (4, 0) { Ok(()) } else { Err(format!("{both:?}")) }
    });
    let said = pair.manager.docker(&["node", "rm", &node]);
    assert!(said.err.contains("is not down and can't be removed"), "{}", said.err);
    pair.worker.docker(&["swarm", "leave"]).ok();
    eventually("the worker that left can be removed", || {
        let said = pair.manager.docker(&["node", "rm", &node]);
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    });
}

#[test]
fn a_new_manager_tells_what_happens_from_then_on() {
    let pair = Pair::apart();
    // Enough for it to be asked what it knows while it is given all this.
    for number in 0..100 {
        pair.manager.docker(&["network", "create", "-d", "overlay", &format!("early-{number}")]).ok();
    }
    pair.join("manager");
    pair.manager.docker(&["network", "create", "-d", "overlay", "late"]).ok();
    let told = || {
        let name = "{{.Actor.Attributes.name}}";
        let filter = ["--filter", "scope=swarm", "--filter", "type=network", "--format", name];
        pair.worker.docker(&[&["events", "--since", "1h", "--until=0s"], &filter[..]].concat()).ok()
    };
    eventually("it tells of the network that is new", || {
        let told = told();
        if told.contains("late") { Ok(()) } else { Err(told) }
    });
    assert!(!told().contains("early"), "{}", told());
}

#[test]
fn who_may_not_join_is_told_why() {
    let pair = Pair::apart();
    let token = pair.manager.docker(&["swarm", "join-token", "-q", "worker"]).ok();
    let join = |token: &str| {
        let said = pair.worker.docker(&["swarm", "join", "--token", token, &Pair::manager_address()]);
        assert_ne!(said.code, 0, "{}", said.out);
        said.err.to_lowercase()
    };
    let (digest, secret) =
        token.strip_prefix("SWMTKN-1-").and_then(|rest| rest.split_once('-')).expect("a token");
    let flip = |text: &str| -> String {
        let last = if text.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", &text[..text.len() - 1])
    };
    assert!(join(&format!("SWMTKN-1-{digest}-{}", flip(secret))).contains("token"), "a wrong secret");
    assert!(join(&format!("SWMTKN-1-{}-{secret}", flip(digest))).contains("fingerprint"), "a wrong root");
    assert!(join("nonsense").contains("token"));
    pair.manager.docker(&["swarm", "join-token", "--rotate", "worker"]).ok();
    assert!(join(&token).contains("token"), "a rotated token");
    assert!(pair.worker.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).ok() == "inactive");
}

/// A daemon that dies while it leaves has removed its record, and perhaps nothing else.
#[test]
fn what_one_swarm_has_left_is_not_taken_into_the_next() {
    let mut pair = Pair::apart();
    pair.worker.shoal(&["swarm", "init", "--advertise-addr", &Lan::address(1)]).ok();
    pair.worker.docker(&["service", "create", "--name", "old", "shoal/hello-http"]).ok();
    eventually("it runs", || if containers(&pair.worker) == 1 { Ok(()) } else { Err("not yet") });
    pair.worker.kill();
    std::fs::remove_file(pair.worker.path("data/swarm/node.json")).expect("the record goes");
    pair.worker.restart();
    assert_eq!(pair.worker.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).ok(), "inactive");
    eventually("its tasks go", || if containers(&pair.worker) == 0 { Ok(()) } else { Err("not yet") });
    pair.join("manager");
    assert_eq!(pair.worker.docker(&["service", "ls", "-q"]).ok(), "", "it has the other swarm's log");
    pair.manager.docker(&["service", "create", "--name", "new", "shoal/hello-http"]).ok();
    assert_eq!(pair.worker.docker(&["service", "ls", "--format", "{{.Name}}"]).ok(), "new");
}

#[test]
fn the_root_is_rotated_while_tasks_run() {
    let pair = Pair::apart();
    pair.join("worker");
    pair.manager.docker(&["service", "create", "--name", "web", "--replicas", "4", "shoal/hello-http"]).ok();
    eventually("both nodes run two each", || {
        let both = (containers(&pair.manager), containers(&pair.worker));
        if both == (2, 2) { Ok(()) } else { Err(format!("{both:?}")) }
    });
    let containers = || {
        let ids = |daemon: &Daemon| daemon.docker(&["ps", "-q", "--no-trunc"]).ok();
        (ids(&pair.manager), ids(&pair.worker))
    };
    let token = || pair.manager.docker(&["swarm", "join-token", "-q", "worker"]).ok();
    let (root, before, old_token) = (pair.manager.docker(&["swarm", "ca"]).ok(), containers(), token());
    assert!(root.starts_with("-----BEGIN CERTIFICATE-----"), "{root}");

    // Docker's client waits until all nodes have moved, and shows the new root.
    let rotated = pair.manager.docker(&["swarm", "ca", "--rotate"]).ok();
    assert!(rotated.contains("desired root digest"), "{rotated}");
    let second = pair.manager.docker(&["swarm", "ca"]).ok();
    assert!(second != root && rotated.ends_with(&second), "{rotated}");
    let status = pair.manager.docker(&["node", "ls", "--format", "{{.TLSStatus}}"]).ok();
    assert_eq!(status.lines().collect::<Vec<_>>(), ["Ready", "Ready"]);
    assert_ne!(token(), old_token);

    // So does ours.
    let rotated = pair.manager.shoal(&["swarm", "ca", "--rotate", "--cert-expiry", "2h"]).ok();
    assert!(rotated.contains("rotated CA certificates") && rotated.contains("2/2 nodes"), "{rotated}");
    let status = pair.manager.shoal(&["node", "ls", "--format", "{{.TLSStatus}}"]).ok();
    assert_eq!(status.lines().collect::<Vec<_>>(), ["Ready", "Ready"]);
    let expiry =
        pair.manager.docker(&["info", "--format", "{{.Swarm.Cluster.Spec.CAConfig.NodeCertExpiry}}"]);
    assert_eq!(expiry.ok(), "2h0m0s");
    assert_eq!(containers(), before, "no task was touched");
    let refused = pair.manager.docker(&["swarm", "update", "--cert-expiry", "30m"]);
    assert!(refused.err.contains("minimum certificate expiry time is: 1h0m0s"), "{}", refused.err);
}

#[test]
fn a_removed_worker_is_cut_off() {
    let pair = Pair::apart();
    let node = pair.join("worker");
    pair.manager.docker(&["node", "rm", "--force", &node]).ok();
    eventually("the worker hears that it is no node any more", || {
        let said = pair.worker.docker(&["info", "--format", "{{.Swarm.Error}}"]).ok();
        if said.contains("is not part of the swarm") { Ok(()) } else { Err(said) }
    });
    pair.worker.docker(&["swarm", "leave"]).ok();
    pair.join("worker");
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    let pair = Pair::apart();
    let token = pair.manager.docker(&["swarm", "join-token", "-q", "worker"]).ok();
    let nobody = format!("{}:9", Lan::address(0));
    let refused = pair.worker.docker(&["swarm", "join", "--token", &token, &nobody]);
    assert!(refused.code != 0 && refused.err.contains("cannot reach a manager at"), "{}", refused.err);
    assert_eq!(pair.worker.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).ok(), "inactive");
    let refused = pair.manager.docker(&["swarm", "init"]);
    assert!(refused.err.contains("This node is already part of a swarm"), "{}", refused.err);
    let refused = pair.manager.docker(&["swarm", "join", "--token", &token, &Pair::manager_address()]);
    assert!(refused.err.contains("This node is already part of a swarm"), "{}", refused.err);
    let refused = pair.manager.docker(&["swarm", "leave"]);
    assert!(refused.err.contains("Removing the last manager erases all current state"), "{}", refused.err);
    let refused = pair.worker.docker(&["swarm", "leave"]);
    assert!(refused.err.contains("This node is not part of a swarm"), "{}", refused.err);
    let external = "protocol=cfssl,url=https://ca.example";
    let refused = pair.manager.docker(&["swarm", "update", "--external-ca", external]);
    assert!(refused.code != 0 && refused.err.contains("ExternalCAs"), "{}", refused.err);
}

#[test]
fn a_worker_with_another_address_is_the_same_node() {
    let mut pair = Pair::apart();
    let node = pair.join("worker");
    let addr = |pair: &Pair| pair.manager.docker(&["node", "inspect", "-f", "{{.Status.Addr}}", &node]).ok();
    assert_eq!(addr(&pair), Lan::address(1));
    pair.worker.stop();
    let with_mask = |number| format!("{}/24", Lan::address(number));
    pair.lan.hosts[1].ip(&["addr", "del", &with_mask(1), "dev", "eth0"]);
    pair.lan.hosts[1].ip(&["addr", "add", &with_mask(6), "dev", "eth0"]);
    pair.worker.restart();
    eventually("the managers know the new address", || {
        let (addr, status) =
            (addr(&pair), pair.manager.docker(&["node", "inspect", "-f", "{{.Status.State}}", &node]).ok());
        if addr == Lan::address(6) && status == "ready" { Ok(()) } else { Err(addr) }
    });
    let own = pair.worker.docker(&["info", "--format", "{{.Swarm.NodeID}} {{.Swarm.NodeAddr}}"]).ok();
    assert_eq!(own, format!("{node} {}", Lan::address(6)));
}
