//! The swarm's routes, without a swarm and with managers that the test plays.

use super::client::{post, request};
use super::fixture::{FakeNode, Fixture};
use super::managers;

const OUTSIDE: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

#[tokio::test]
async fn outside_a_swarm_there_is_nothing_to_ask() {
    let fixture = Fixture::new().await;
    for (method, path) in [
        ("GET", "/swarm"),
        ("GET", "/nodes"),
        ("GET", "/services?status=true"),
        ("DELETE", "/services/web"),
        ("GET", "/tasks"),
        ("GET", "/tasks/x"),
    ] {
        let answer = request(&fixture, method, path).await;
        assert_eq!((answer.status, answer.message().as_str()), (503, OUTSIDE), "{method} {path}");
    }
    let create = post(&fixture, "/services/create", r#"{"Name":"web"}"#).await;
    assert_eq!((create.status, create.message().as_str()), (503, OUTSIDE));
    let leave = request(&fixture, "POST", "/swarm/leave?force=1").await;
    assert_eq!((leave.status, leave.message().as_str()), (503, "This node is not part of a swarm"));
}

#[tokio::test]
async fn init_and_join_reach_the_node() {
    let fixture = Fixture::new().await;
    let body = r#"{"ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"10.0.0.1","ForceNewCluster":false,"DataPathPort":0,
        "Spec":{"Orchestration":{},"Raft":{},"Dispatcher":{},"CAConfig":{},"EncryptionConfig":{"AutoLockManagers":false}},
        "AutoLockManagers":false,"Availability":"","DefaultAddrPool":null,"SubnetSize":24}"#;
    let init = post(&fixture, "/swarm/init", body).await;
    assert_eq!((init.status, init.json()), (200, "thenode".into()));
    let pool = post(&fixture, "/swarm/init", r#"{"DefaultAddrPool":["10.9.0.0/16"],"SubnetSize":12}"#).await;
    assert_eq!((pool.status, pool.message().contains("too small for pool")), (400, true));
    let port = post(&fixture, "/swarm/init", r#"{"DataPathPort":80}"#).await;
    assert!(port.status == 400 && port.message().contains("1024"));
    let external = r#"{"Spec":{"CAConfig":{"ExternalCAs":[{"URL":"https://ca"}]}}}"#;
    let external = post(&fixture, "/swarm/init", external).await;
    assert!(external.status == 400 && external.message().starts_with("Spec.CAConfig.ExternalCAs"));
    let join = r#"{"RemoteAddrs":["10.0.0.1:2377"],"JoinToken":"SWMTKN-1-x-y"}"#;
    assert_eq!(post(&fixture, "/swarm/join", join).await.status, 200);
    assert_eq!(post(&fixture, "/swarm/join", r#"{"JoinToken":"x"}"#).await.status, 400);
    let asked = fixture.node.asked.lock().expect("asked").clone();
    assert_eq!(asked, ["init 10.0.0.1", "join 10.0.0.1:2377 SWMTKN-1-x-y"]);
}

async fn managed() -> Fixture {
    Fixture::with(FakeNode { managers: Some(managers::channel()), ..FakeNode::default() }).await
}

#[tokio::test]
async fn a_service_lives_and_dies() {
    let fixture = managed().await;
    assert_eq!(request(&fixture, "GET", "/_ping").await.header("swarm"), Some("active/manager"));
    let spec = r#"{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"busybox"}},"Mode":{"Replicated":{"Replicas":3}}}"#;
    let created = post(&fixture, "/services/create", spec).await;
    assert_eq!(created.status, 201);
    let id = created.json()["ID"].as_str().expect("an id").to_owned();
    let again = post(&fixture, "/services/create", spec).await;
    assert_eq!((again.status, again.message().contains("name conflicts")), (409, true));

    let list = request(&fixture, "GET", "/services?status=true").await.json();
    assert_eq!(list[0]["ServiceStatus"]["DesiredTasks"], 3);
    let filtered = request(&fixture, "GET", "/services?filters=%7B%22name%22%3A%5B%22db%22%5D%7D").await;
    assert_eq!(filtered.body.trim(), "[]");

    let service = request(&fixture, "GET", "/services/web").await.json();
    assert_eq!(service["Spec"]["Mode"]["Replicated"]["Replicas"], 3);
    assert!(service.get("ServiceStatus").is_none());
    let defaults = request(&fixture, "GET", "/services/web?insertDefaults=true").await.json();
    assert_eq!(defaults["Spec"]["TaskTemplate"]["RestartPolicy"]["Delay"], 5_000_000_000_i64);

    // A client sends back what it was told, with one change.
    let mut spec = service["Spec"].clone();
    spec["Mode"]["Replicated"]["Replicas"] = 5.into();
    let version = service["Version"]["Index"].as_u64().expect("a version");
    let update =
        |version: u64| format!("/v1.44/services/{id}/update?version={version}&registryAuthFrom=spec");
    let stale = post(&fixture, &update(version + 1), &spec.to_string()).await;
    assert_eq!(stale.status, 500);
    assert_eq!(stale.message(), "rpc error: code = Unknown desc = update out of sequence");
    let updated = post(&fixture, &update(version), &spec.to_string()).await;
    assert_eq!((updated.status, updated.json()), (200, serde_json::json!({"Warnings": null})));
    let service = request(&fixture, "GET", &format!("/services/{id}")).await.json();
    assert_eq!(service["Spec"]["Mode"]["Replicated"]["Replicas"], 5);

    assert_eq!(request(&fixture, "DELETE", "/services/web").await.status, 200);
    let gone = request(&fixture, "GET", "/services/web").await;
    assert_eq!((gone.status, gone.message().as_str()), (404, "service web not found"));
}

#[tokio::test]
async fn wrong_services_are_refused_before_the_managers_see_them() {
    let fixture = managed().await;
    let both = r#"{"Name":"web","Mode":{"Global":{},"Replicated":{}}}"#;
    let both = post(&fixture, "/services/create", both).await;
    assert_eq!((both.status, both.message().as_str()), (400, "must specify only one service mode"));
    let rollback = post(&fixture, "/services/web/update?version=1&rollback=next", "{}").await;
    assert_eq!((rollback.status, rollback.message().as_str()), (400, "unrecognized rollback option next"));
    let unversioned = post(&fixture, "/services/web/update", "{}").await;
    let words = "invalid service version: it is missing";
    assert_eq!((unversioned.status, unversioned.message().as_str()), (400, words));
    let silent = post(&fixture, "/nodes/x/update?version=1", r#"{"Role":"worker"}"#).await;
    assert_eq!((silent.status, silent.message().contains("invalid Availability")), (400, true));
    let tail = request(&fixture, "GET", "/services/web/logs?stdout=1&tail=x").await;
    assert_eq!((tail.status, tail.message().contains("tail value")), (400, true));
    let missing = request(&fixture, "GET", "/nodes/x").await;
    assert_eq!(missing.status, 501, "what the managers do not implement is said");
}

#[tokio::test]
async fn the_lock_and_backups_reach_the_node() {
    let fixture = managed().await;
    let key = request(&fixture, "GET", "/swarm/unlockkey").await;
    assert_eq!((key.status, key.json()), (200, serde_json::json!({"UnlockKey": "SWMKEY-1-x"})));
    let unlocked = post(&fixture, "/swarm/unlock", r#"{"UnlockKey":"SWMKEY-1-x"}"#).await;
    assert_eq!((unlocked.status, unlocked.message().as_str()), (409, "swarm is not locked"));
    let wrong = post(&fixture, "/swarm/unlock", r#"{"UnlockKey":"nonsense"}"#).await;
    assert_eq!((wrong.status, wrong.message().contains("invalid key")), (401, true));
    let backup = post(&fixture, "/swarm/backup", r#"{"To":"/var/backup","Passphrase":"p","Keep":3}"#).await;
    assert_eq!(backup.json(), serde_json::json!({"File": "/var/backup/file", "Index": 7, "Removed": 1}));
    assert_eq!(post(&fixture, "/swarm/backup", r#"{"To":"backup"}"#).await.status, 400);
    let restore = r#"{"From":"/var/backup/file","Passphrase":"p","AdvertiseAddr":"10.0.0.1"}"#;
    assert_eq!(post(&fixture, "/swarm/restore", restore).await.json(), "thenode");
    let asked = fixture.node.asked.lock().expect("asked").clone();
    let expected =
        ["unlock SWMKEY-1-x", "unlock nonsense", "backup /var/backup 3", "restore /var/backup/file 10.0.0.1"];
    assert_eq!(asked, expected);
}
