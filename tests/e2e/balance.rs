//! A service behind a load balancer of somebody else's, which finds the tasks by the API: nothing that the swarm does by itself or is
//! told to do costs a request. A task first is no longer wanted, then has its service's drain time, then is told to stop.

mod balancer;

use serde_json::Value;
use testkit::{Lan, eventually};

use self::balancer::{Balancer, Seen};
use crate::fault::nodes::Nodes;

/// Tasks of the service, on five nodes.
const REPLICAS: usize = 3;
/// Requests that must have been answered in each part.
const ANSWERED: u64 = 500;

/// The swarm, its service, and who sends requests to it.
struct Site {
    // Dropped in this order.
    balancer: Balancer,
    nodes: Nodes,
    /// The manager that is asked.
    by: usize,
}

impl Site {
    fn new() -> Self {
        let (managers, workers) = (3, 2);
        let mut nodes = Nodes::form_on(Lan::new(managers + workers + 1), managers, workers);
        let machine = nodes.lan.hosts.pop().expect("a machine beside the nodes");
        let place = "--replicas-max-per-node 1 --publish mode=host,published=8080,target=80";
        let times = "--drain-time 2s --restart-delay 0s --update-monitor 500ms --rollback-monitor 500ms";
        let words = format!("service create --detach --name web --replicas {REPLICAS} {place} {times}");
        let words: Vec<&str> = words.split(' ').chain(["shoal/hello-http"]).collect();
        nodes.daemons[0].shoal(&words).ok();
        nodes.runs_exactly("web", REPLICAS);
        let balancer = Balancer::start(machine, nodes.ids.clone(), nodes.daemons[0].path("sock"));
        let site = Self { balancer, nodes, by: 0 };
        site.settled();
        site.balancer.take();
        site
    }

    /// A command to the manager that is asked.
    fn shoal(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.nodes.daemons[self.by].shoal(&words).ok();
    }

    fn tasks(&self) -> Vec<Value> {
        let tasks = self.nodes.daemons[self.by].get("/tasks");
        tasks.as_array().expect("a list of tasks").clone()
    }

    /// Waits until as many tasks run as are to, and no other.
    fn settled(&self) {
        eventually("the service is as it should be, and nothing else runs", || {
            let tasks = self.tasks();
            let is = |task: &Value, state: &str| task["Status"]["State"] == state;
            let over = ["complete", "shutdown", "failed", "rejected", "orphaned"];
            let live: Vec<&Value> =
                tasks.iter().filter(|task| !over.iter().any(|state| is(task, state))).collect();
            let right = live.len() == REPLICAS
                && live.iter().all(|task| is(task, "running") && task["DesiredState"] == "running")
                && self.balancer.backends().len() == REPLICAS;
            if right { Ok(()) } else { Err(format!("{live:#?}")) }
        });
    }

    /// Waits until the update has come to this.
    fn updated(&self, state: &str) {
        eventually(&format!("the update is {state}"), || {
            let service = self.nodes.daemons[self.by].get("/services/web");
            let status = &service["UpdateStatus"];
            if status["State"] == state { Ok(()) } else { Err(status.to_string()) }
        });
        self.settled();
    }

    /// What the balancer saw, without one request that failed and with enough that did not.
    fn judge(&self, what: &str) -> Seen {
        let seen = self.balancer.take();
        let answered = seen.answered.values().sum::<u64>();
        eprintln!("{what}: {answered} requests, at least {} tasks at a time", seen.fewest);
        let few = &seen.failed[..seen.failed.len().min(10)];
        assert!(few.is_empty(), "{what}: {} requests failed: {few:#?}", seen.failed.len());
        assert!(answered >= ANSWERED, "{what}: {answered} requests were answered");
        seen
    }
}

#[test]
fn no_request_is_lost_whatever_is_done_to_a_service_or_its_nodes() {
    let mut site = Site::new();
    drain(&site);
    update(&site, "stop-first", REPLICAS - 1);
    update(&site, "start-first", REPLICAS);
    rollback(&site);
    leader_lost(&mut site);
}

/// A node that serves is drained: its task runs until another does in its place.
fn drain(site: &Site) {
    let drained = site.balancer.backends()[0].clone();
    site.shoal(&format!("node update --availability drain {}", drained.node));
    eventually("its task is replaced", || {
        let backends = site.balancer.backends();
        if backends.contains(&drained) { Err(format!("{backends:?}")) } else { Ok(()) }
    });
    site.settled();
    let seen = site.judge("a node is drained");
    assert_eq!(seen.fewest, REPLICAS, "the replacement runs before the old task is left");
    site.shoal(&format!("node update --availability active {}", drained.node));
}

/// One task after the other is replaced, in this order: there are never fewer than `fewest`.
fn update(site: &Site, order: &str, fewest: usize) {
    let how = format!("--update-order {order} --update-parallelism 1 --env-add ROUND={order}");
    site.shoal(&format!("service update --detach {how} web"));
    site.updated("completed");
    let seen = site.judge(&format!("an update with the order {order}"));
    assert_eq!(seen.fewest, fewest, "{order}, one at a time");
}

/// An update to what cannot run is rolled back by itself.
fn rollback(site: &Site) {
    let order = "--update-order stop-first --update-failure-action rollback --entrypoint /absent";
    site.shoal(&format!("service update --detach {order} web"));
    site.updated("rollback_completed");
    let seen = site.judge("an update is rolled back");
    assert_eq!(seen.fewest, REPLICAS - 1, "one had been replaced");
}

/// The leader dies in the middle of an update.
fn leader_lost(site: &mut Site) {
    let leader = site.nodes.leader();
    site.by = (leader + 1) % site.nodes.managers;
    site.balancer.ask(site.nodes.daemons[site.by].path("sock"));
    let before = site.balancer.backends();
    site.shoal("service update --detach --update-order stop-first --env-add ROUND=3 web");
    eventually("one of three is replaced, and the next leaves", || {
        let backends = site.balancer.backends();
        let kept = backends.iter().filter(|backend| before.contains(backend)).count();
        if kept < REPLICAS - 1 && backends.len() < REPLICAS { Ok(()) } else { Err(format!("{backends:?}")) }
    });
    site.nodes.daemons[leader].kill();
    eventually("the update goes on", || {
        let backends = site.balancer.backends();
        let new = backends.iter().filter(|backend| !before.contains(backend)).count();
        if new > 1 { Ok(()) } else { Err(format!("{backends:?}")) }
    });
    site.nodes.daemons[leader].restart();
    site.updated("completed");
    site.judge("the leader is lost in an update");
}
