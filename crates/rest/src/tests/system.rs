//! Ping, versions, unknown and missing routes, lists of nothing, events.

use std::sync::Arc;

use engine::event::{Actor, Event, EventKind};

use super::client::{post, request};
use super::fixture::Fixture;
use crate::Facts;

#[tokio::test]
async fn a_ping_has_its_headers() {
    let fixture = Fixture::new().await;
    let get = request(&fixture, "GET", "/_ping").await;
    assert_eq!((get.status, get.body.as_str()), (200, "OK"));
    for (name, value) in [
        ("api-version", "1.56"),
        ("docker-experimental", "false"),
        ("ostype", "linux"),
        ("server", "Shoal/0.1.0 (linux)"),
        ("builder-version", "1"),
        ("swarm", "inactive"),
        ("cache-control", "no-cache, no-store, must-revalidate"),
        ("pragma", "no-cache"),
    ] {
        assert_eq!(get.header(name), Some(value), "{name}");
    }
    let head = request(&fixture, "HEAD", "/v1.44/_ping").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("api-version"), Some("1.56"));
}

#[tokio::test]
async fn versions_are_negotiated() {
    let fixture = Fixture::new().await;
    let new = request(&fixture, "GET", "/v1.99/info").await;
    assert_eq!(new.status, 400);
    assert_eq!(new.message(), "client version 1.99 is too new. Maximum supported API version is 1.56");
    assert_eq!(new.header("content-type"), Some("application/json"));
    let old = request(&fixture, "GET", "/v1.24/_ping").await;
    assert_eq!(old.status, 400);
    assert!(
        old.message().starts_with("client version 1.24 is too old. Minimum supported API version is 1.40")
    );
    fixture.facts.send_replace(Arc::new(Facts { min_minor: 24, ..Facts::default() }));
    assert_eq!(request(&fixture, "GET", "/v1.24/_ping").await.status, 200);
    let version = request(&fixture, "GET", "/version").await.json();
    assert_eq!((&version["ApiVersion"], &version["MinAPIVersion"]), (&"1.56".into(), &"1.24".into()));
}

#[tokio::test]
async fn unknown_routes_and_missing_ones_say_so() {
    let fixture = Fixture::new().await;
    for path in ["/nowhere", "/v1.44/nowhere", "/containers", "/containers/a/b/json"] {
        let answer = request(&fixture, "GET", path).await;
        assert_eq!((answer.status, answer.message().as_str()), (404, "page not found"), "{path}");
    }
    let missing = request(&fixture, "GET", "/v1.44/plugins").await;
    assert_eq!((missing.status, missing.message().as_str()), (501, "GET /plugins is not implemented yet"));
    assert_eq!(post(&fixture, "/session", "").await.status, 501);
}

#[tokio::test]
async fn an_object_of_no_kind_is_not_found() {
    let fixture = Fixture::new().await;
    for path in ["/containers/x/json", "/images/x/json", "/networks/x", "/volumes/x", "/plugins/x/json"] {
        assert_eq!(request(&fixture, "GET", path).await.status, 404, "{path}");
    }
    assert_eq!(request(&fixture, "GET", "/secrets/x").await.status, 503, "no manager");
}

#[tokio::test]
async fn lists_of_nothing_are_lists() {
    let fixture = Fixture::new().await;
    for path in ["/containers/json?all=1", "/images/json"] {
        let answer = request(&fixture, "GET", path).await;
        assert_eq!((answer.status, answer.body.trim()), (200, "[]"), "{path}");
    }
    let volumes = request(&fixture, "GET", "/volumes").await.json();
    assert_eq!(volumes, serde_json::json!({"Volumes": [], "Warnings": []}));
    let networks = request(&fixture, "GET", "/networks").await.json();
    let names: Vec<_> =
        networks.as_array().expect("a list").iter().map(|n| n["Name"].as_str().unwrap_or("")).collect();
    assert_eq!(names, ["host", "none"], "there is no bridge here");
    let info = request(&fixture, "GET", "/info").await.json();
    assert_eq!((&info["Containers"], &info["Swarm"]["LocalNodeState"]), (&0.into(), &"inactive".into()));
}

#[tokio::test]
async fn events_of_the_past_are_told_and_filtered() {
    let fixture = Fixture::new().await;
    for (action, time_ns) in [("create", 1_000_000_000), ("start", 2_000_000_000), ("die", 3_000_000_000)] {
        let actor =
            Actor { id: "abc".into(), attributes: [("image".to_owned(), "busybox".to_owned())].into() };
        fixture.api.events.publish(Event {
            kind: EventKind::Container,
            action: action.into(),
            actor,
            time_ns,
        });
    }
    let path = "/v1.44/events?since=1&until=3.5&filters=%7B%22event%22%3A%5B%22start%22%2C%22die%22%5D%7D";
    let answer = request(&fixture, "GET", path).await;
    let told: Vec<serde_json::Value> = answer
        .body
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|l| serde_json::from_str(l).expect("json"))
        .collect();
    let actions: Vec<_> = told.iter().map(|event| event["Action"].as_str().unwrap_or("")).collect();
    assert_eq!(actions, ["start", "die"]);
    assert_eq!((&told[0]["status"], &told[0]["from"]), (&"start".into(), &"busybox".into()));
    let answer = request(&fixture, "GET", "/events?since=1&until=3.5").await;
    assert!(!answer.body.contains("\"status\""), "gone since 1.52");
    let wrong = request(&fixture, "GET", "/events?since=5&until=4").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.message().contains("since"));
}
