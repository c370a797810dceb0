//! A node that cannot run a task is not the service's end: another is tried, and what was wrong is told.

use testkit::{Daemon, Pair, eventually};

/// Tasks that the worker has to do already, so that any other node is asked first.
const BUSY: usize = 3;

#[test]
fn an_image_that_one_node_cannot_pull_runs_on_the_node_that_has_it() {
    let Pair { manager, worker, lan: _lan } = &Pair::joined();
    worker.docker(&["tag", "busybox", "nowhere.test/own:1"]).ok();

    let create = |words: &str| {
        let words: Vec<&str> = words.split_whitespace().collect();
        let create = ["service", "create", "--detach", "--no-resolve-image"];
        manager.docker(&[&create[..], &words[..]].concat()).ok();
    };
    let id = |daemon: &Daemon| daemon.docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok();
    create(&format!("--name busy --replicas {BUSY} --constraint node.id=={} busybox sleep 1000", id(worker)));
    let running = |service: &str| {
        let filter = format!("label=com.docker.swarm.service.name={service}");
        worker.docker(&["ps", "-q", "--filter", &filter]).ok().lines().count()
    };
    eventually("the worker is busy", || match running("busy") {
        BUSY => Ok(()),
        count => Err(format!("{count} run")),
    });

    create("--name own --restart-delay 1s nowhere.test/own:1 sleep 1000");
    let (here, there) = (id(manager), id(worker));
    let all = eventually("it runs where the image is, after one attempt on the other node", || {
        let all = manager.get("/tasks?filters=%7B%22service%22%3A%5B%22own%22%5D%7D");
        let mut all = all.as_array().expect("tasks").clone();
        all.sort_by_key(|task| task["CreatedAt"].as_str().map(str::to_owned));
        let is = |index: usize, node: &str, state: &str| {
            all.get(index).is_some_and(|task| task["NodeID"] == node && task["Status"]["State"] == state)
        };
        let right = all.len() == 2 && is(0, &here, "rejected") && is(1, &there, "running");
        if right { Ok(all) } else { Err(format!("{all:#?}")) }
    });
    assert_eq!(running("own"), 1);
    let why = all[0]["Status"]["Err"].as_str().expect("a reason");
    assert!(why.contains("nowhere.test"), "{why}");
    let told = manager.docker(&["service", "ps", "--no-trunc", "own"]).ok();
    assert!(told.contains("Rejected") && told.contains(why), "{told}");
}
