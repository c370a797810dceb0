//! Services: what is written, and how convergence is shown.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::fake::{Fake, Reply, Seen, refuse};

fn service() -> Value {
    json!({
        "ID": "svc1", "Version": {"Index": 42}, "CreatedAt": "2026-01-02T03:04:05Z", "UpdatedAt": "2026-01-02T03:04:05Z",
        "Spec": {
            "Name": "web", "Labels": {}, "Future": {"Field": [1, 2]},
            "Mode": {"Replicated": {"Replicas": 2}},
            "UpdateConfig": {"Parallelism": 1, "Monitor": 1_000_000, "MaxFailureRatio": 0, "Order": "stop-first"},
            "TaskTemplate": {"ContainerSpec": {"Image": "web:1", "Env": ["A=1"]}, "ForceUpdate": 0},
        },
        "Endpoint": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}]},
        "ServiceStatus": {"RunningTasks": 1, "DesiredTasks": 2},
    })
}

fn task(slot: u64, state: &str) -> Value {
    json!({
        "ID": format!("task{slot}"), "ServiceID": "svc1", "NodeID": "node1", "Slot": slot, "DesiredState": "running",
        "CreatedAt": "2026-01-02T03:04:05Z", "Status": {"State": state, "Timestamp": "2026-01-02T03:04:05Z"},
        "Spec": {"ContainerSpec": {"Image": "web:1@sha256:00"}},
    })
}

/// A manager whose tasks are further on at each look.
fn manager() -> Fake {
    let looks = AtomicUsize::new(0);
    Fake::start(move |seen: &Seen| match seen.line.as_str() {
        "POST /v1.56/services/create" => Reply::Json(201, json!({"ID": "svc1", "Warnings": null})),
        line if line.contains("/update?version=") => Reply::Json(200, json!({"Warnings": null})),
        line if line.contains("/services/nosuch") => refuse(404, "service nosuch not found"),
        line if line.contains("/services/") => Reply::Json(200, service()),
        line if line.contains("/services?") => Reply::Json(200, json!([service()])),
        line if line.contains("/nodes") => Reply::Json(
            200,
            json!([{"ID": "node1", "Description": {"Hostname": "host1"}, "Status": {"State": "ready"}}]),
        ),
        line if line.contains("/tasks") => match looks.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Json(200, json!([])),
            1 => Reply::Json(200, json!([task(1, "preparing"), task(2, "running")])),
            _ => Reply::Json(200, json!([task(1, "running"), task(2, "running")])),
        },
        line => refuse(404, line),
    })
}

#[test]
fn create_shows_how_the_service_converges() {
    let fake = manager();
    let ran = fake.run(&[
        "service",
        "create",
        "--name",
        "web",
        "--replicas",
        "2",
        "-p",
        "8080:80",
        "web:1",
        "serve",
        "-x",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(&lines[..4], ["svc1", "overall progress: 0 out of 2 tasks", "1/2:", "2/2:"]);
    assert!(ran.out.contains("overall progress: 1 out of 2 tasks\n1/2: preparing ["), "{}", ran.out);
    assert!(ran.out.contains("overall progress: 2 out of 2 tasks\n"), "{}", ran.out);
    assert_eq!(lines.last(), Some(&"verify: Service svc1 converged"));
    assert!(ran.err.contains("image web:1 could not be accessed on a registry"), "{}", ran.err);
    let seen = fake.seen();
    assert!(seen[0].line.contains("/distribution/web:1/json"), "{}", seen[0].line);
    let body = seen[1].json();
    assert_eq!(body["TaskTemplate"]["ContainerSpec"], json!({"Image": "web:1", "Args": ["serve", "-x"]}));
    assert_eq!(body["EndpointSpec"]["Ports"][0]["PublishedPort"], 8080);
}

#[test]
fn detached_and_quiet_show_less() {
    assert_eq!(manager().run(&["service", "create", "-d", "web:1"]).out, "svc1\n");
    assert_eq!(manager().run(&["service", "create", "-q", "web:1"]).out, "svc1\n");
    assert_eq!(manager().run(&["service", "scale", "-d", "web=5"]).out, "web scaled to 5\n");
}

#[test]
fn update_writes_back_what_it_does_not_know() {
    let fake = manager();
    let ran = fake.run(&[
        "service",
        "update",
        "-d",
        "--image",
        "web:2",
        "--env-add",
        "B=2",
        "--replicas",
        "5",
        "web",
    ]);
    assert_eq!((ran.out.as_str(), ran.code), ("web\n", Some(0)), "{}", ran.err);
    let written = fake.seen().pop().expect("a request");
    assert_eq!(written.line, "POST /v1.56/services/svc1/update?version=42");
    let mut want = service()["Spec"].clone();
    want["TaskTemplate"]["ContainerSpec"] = json!({"Image": "web:2", "Env": ["A=1", "B=2"]});
    want["Mode"]["Replicated"]["Replicas"] = json!(5);
    assert_eq!(written.json(), want);
}

#[test]
fn tables_of_services_and_tasks() {
    let fake = manager();
    let want = "ID        NAME      MODE         REPLICAS   IMAGE     PORTS\n\
                svc1      web       replicated   1/2        web:1     *:8080->80/tcp\n";
    assert_eq!(fake.run(&["service", "ls"]).out, want);
    fake.run(&["service", "ps", "-q", "web"]);
    let ran = fake.run(&[
        "service",
        "ps",
        "--format",
        "{{.Name}} {{.Node}} {{.Image}} {{.DesiredState}}",
        "web",
        "nosuch",
    ]);
    assert_eq!(ran.out, "web.1 host1 web:1 Running\nweb.2 host1 web:1 Running\n");
    assert_eq!((ran.err.as_str(), ran.code), ("no such service: nosuch\n", Some(1)));
}

#[test]
fn a_paused_update_is_a_failure() {
    let fake = Fake::start(|seen| {
        let mut service = service();
        service["UpdateStatus"] =
            json!({"State": "paused", "Message": "update paused due to failure of task t"});
        if seen.line.contains("/update") { Reply::Json(200, json!({})) } else { Reply::Json(200, service) }
    });
    let ran = fake.run(&["service", "update", "--force", "web"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.err, "service update paused: update paused due to failure of task t\n");
}

/// A manager whose service has this status of its update, and what it runs stands.
fn updated(state: &'static str, message: &'static str) -> Fake {
    Fake::start(move |seen| {
        let mut service = service();
        service["UpdateStatus"] = json!({"State": state, "Message": message});
        match seen.line.as_str() {
            line if line.contains("/update") => Reply::Json(200, json!({})),
            line if line.contains("/nodes") => {
                Reply::Json(200, json!([{"ID": "node1", "Status": {"State": "ready"}}]))
            }
            line if line.contains("/tasks") => {
                Reply::Json(200, json!([task(1, "running"), task(2, "running")]))
            }
            _ => Reply::Json(200, service),
        }
    })
}

#[test]
fn the_exit_code_tells_how_an_update_ended() {
    let update = ["service", "update", "--force", "web"];
    let ran = updated("completed", "update completed").run(&update);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let ran = updated("rollback_completed", "rollback completed").run(&update);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), "service rolled back: rollback completed\n"));
    let ran = updated("rollback_paused", "why").run(&update);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), "service rollback paused: why\n"));
    // Who asked for it has what was asked for.
    for back in [&["service", "rollback", "web"][..], &["service", "update", "--rollback", "web"]] {
        let ran = updated("rollback_completed", "rollback completed").run(back);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.ends_with("verify: Service svc1 converged\n"), "{}", ran.out);
    }
}

#[test]
fn a_job_is_waited_for_until_it_is_complete() {
    let looks = AtomicUsize::new(0);
    let fake = Fake::start(move |seen: &Seen| {
        let mut service = service();
        service["Spec"]["Mode"] = json!({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}});
        service["JobStatus"] = json!({"JobIteration": {"Index": 0}});
        match seen.line.as_str() {
            "POST /v1.56/services/create" => Reply::Json(201, json!({"ID": "svc1"})),
            line if line.contains("/nodes") => Reply::Json(200, json!([])),
            line if line.contains("/tasks") => match looks.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::Json(200, json!([task(0, "running")])),
                _ => Reply::Json(200, json!([task(0, "complete"), task(1, "complete")])),
            },
            _ => Reply::Json(200, service),
        }
    });
    let ran = fake.run(&[
        "service",
        "create",
        "--mode",
        "replicated-job",
        "--replicas",
        "2",
        "--max-concurrent",
        "1",
        "x",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("active tasks: 1 out of 1 tasks\n"), "{}", ran.out);
    assert!(ran.out.contains("job progress: 2 out of 2 complete ["), "{}", ran.out);
    assert!(ran.out.ends_with("job complete\n"), "{}", ran.out);
    let seen = fake.seen();
    let create = seen.iter().find(|seen| seen.line.contains("/services/create"));
    let body = create.expect("a create").json();
    assert_eq!(body["Mode"], json!({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}));
}
