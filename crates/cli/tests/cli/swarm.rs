//! The swarm and its nodes.

use serde_json::{Value, json};

use crate::fake::{Fake, Reply, refuse};

fn manager() -> Fake {
    Fake::start(|seen| match seen.line.as_str() {
        "POST /v1.56/swarm/init" => Reply::Json(200, json!("node1")),
        "GET /v1.56/swarm" => Reply::Json(
            200,
            json!({"ID": "c", "Version": {"Index": 9}, "Spec": {"Name": "default"}, "JoinTokens": {"Worker": "SWMTKN-1-w", "Manager": "SWMTKN-1-m"}}),
        ),
        "GET /v1.56/nodes/node1" => Reply::Json(
            200,
            json!({"ID": "node1", "Version": {"Index": 5}, "Spec": {"Role": "worker", "Availability": "active", "Labels": {"old": "1"}, "New": 1},
                   "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "10.0.0.1:2377"}}),
        ),
        "GET /v1.56/info" => Reply::Json(
            200,
            json!({"Swarm": {"NodeID": "node1", "LocalNodeState": "active", "ControlAvailable": false}}),
        ),
        "POST /v1.56/swarm/leave?force=1" => Reply::Json(200, Value::Null),
        line if line.starts_with("POST") => Reply::Json(200, Value::Null),
        line => refuse(404, line),
    })
}

#[test]
fn init_says_how_to_join() {
    let fake = manager();
    let ran = fake.run(&["swarm", "init", "--advertise-addr", "10.0.0.1", "--task-history-limit", "3"]);
    let want = "Swarm initialized: current node (node1) is now a manager.\n\n\
                To add a worker to this swarm, run the following command:\n\n    \
                shoal swarm join --token SWMTKN-1-w 10.0.0.1:2377\n\n\
                To add a manager to this swarm, run 'shoal swarm join-token manager' and follow the instructions.\n";
    assert_eq!(ran.out, want, "{}", ran.err);
    let want = json!({
        "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.0.0.1", "Availability": "active",
        "Spec": {"Orchestration": {"TaskHistoryRetentionLimit": 3}},
    });
    assert_eq!(fake.seen()[0].json(), want);
}

#[test]
fn tokens_are_shown_and_rotated() {
    let fake = manager();
    assert_eq!(fake.run(&["swarm", "join-token", "-q", "manager"]).out, "SWMTKN-1-m\n");
    let ran = fake.run(&["swarm", "join-token", "--rotate", "worker"]);
    assert!(ran.out.starts_with("Successfully rotated worker join token.\n\nTo add a worker"), "{}", ran.out);
    assert!(fake.lines().contains(&"POST /v1.56/swarm/update?version=9&rotateWorkerToken=true".to_owned()));
    assert_eq!(fake.run(&["swarm", "join-token", "foo"]).err, "unknown role foo\n");
}

#[test]
fn join_and_leave() {
    let fake = manager();
    let ran = fake.run(&["swarm", "join", "--token", "SWMTKN-1-w", "10.0.0.1:2377"]);
    assert_eq!(ran.out, "This node joined a swarm as a worker.\n", "{}", ran.err);
    let body = fake.seen()[0].json();
    assert_eq!((&body["RemoteAddrs"], &body["JoinToken"]), (&json!(["10.0.0.1:2377"]), &json!("SWMTKN-1-w")));
    assert_eq!(fake.run(&["swarm", "leave", "-f"]).out, "Node left the swarm.\n");
}

#[test]
fn a_node_is_changed_and_the_rest_of_it_stays() {
    let fake = manager();
    let ran = fake.run(&[
        "node",
        "update",
        "--availability",
        "drain",
        "--label-add",
        "a=b",
        "--label-rm",
        "old",
        "node1",
    ]);
    assert_eq!((ran.out.as_str(), ran.code), ("node1\n", Some(0)), "{}", ran.err);
    let written = fake.seen().pop().expect("a request");
    assert_eq!(written.line, "POST /v1.56/nodes/node1/update?version=5");
    assert_eq!(
        written.json(),
        json!({"Role": "worker", "Availability": "drain", "Labels": {"a": "b"}, "New": 1})
    );
    assert_eq!(fake.run(&["node", "promote", "self"]).out, "Node self promoted to a manager in the swarm.\n");
    assert_eq!(fake.run(&["node", "demote", "node1"]).out, "Node node1 is already a worker.\n");
}
