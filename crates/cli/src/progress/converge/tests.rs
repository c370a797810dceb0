//! Services of each mode on their way.

use serde_json::{Value, json};

use super::*;

fn task(slot: u64, state: &str, desired: &str, created: i64) -> Task {
    let mut task = Task { slot, desired_state: desired.to_owned(), ..Task::default() };
    task.created_at = engine_api::Timestamp::from_ns(created);
    task.status.state = state.to_owned();
    task
}

fn on(node_id: &str, state: &str, desired: &str) -> Task {
    Task { node_id: node_id.to_owned(), ..task(0, state, desired, 1) }
}

fn of(mode: Value, update: Update, tasks: &[Task]) -> Progress {
    let service = serde_json::from_value(json!({"Spec": {"Mode": mode}})).unwrap();
    progress(&service, update, tasks, &|task| task.node_id != "lost")
}

fn replicas(count: u64) -> Value {
    json!({"Replicated": {"Replicas": count}})
}

#[test]
fn counts_one_task_per_slot() {
    let tasks = [
        task(1, "running", "running", 1),
        task(2, "failed", "shutdown", 1),
        task(2, "preparing", "running", 2),
        task(3, "running", "shutdown", 1),
    ];
    let got = of(replicas(3), Update::Done, &tasks);
    assert!(!got.stands());
    assert_eq!(got.lines[0].1, "overall progress: 1 out of 3 tasks");
    assert!(got.lines[1].1.starts_with("1/3: running   [====="), "{}", got.lines[1].1);
    assert!(got.lines[2].1.starts_with("2/3: preparing ["), "{}", got.lines[2].1);
}

#[test]
fn an_error_is_shown_and_a_dead_node_does_not_count() {
    let mut waiting = task(1, "pending", "running", 1);
    waiting.status.err = "no suitable node (insufficient memory on 2 nodes)".to_owned();
    let got = of(replicas(1), Update::Done, &[waiting]);
    assert_eq!(got.lines[1].1, "1/1: no suitable node (insufficient memory on 2 nodes)");
    let lost = Task { node_id: "lost".to_owned(), ..task(1, "running", "running", 1) };
    assert!(!of(replicas(1), Update::Done, &[lost]).stands());
}

#[test]
fn stands_only_when_no_update_runs() {
    let tasks = [task(1, "running", "running", 1)];
    assert!(of(replicas(1), Update::Done, &tasks).stands());
    assert!(!of(replicas(1), Update::Running, &tasks).stands());
    assert!(of(replicas(0), Update::Done, &[]).stands());
    assert_eq!(of(replicas(30), Update::Done, &tasks).lines.len(), 1);
    let back = of(replicas(2), Update::RollingBack(String::new()), &tasks);
    assert_eq!(back.lines[0].1, "overall progress: rolling back update: 1 out of 2 tasks");
}

#[test]
fn a_global_service_has_a_line_for_each_node() {
    let got = of(json!({"Global": {}}), Update::Done, &[]);
    assert_eq!((got.stands(), got.lines[0].1.as_str()), (false, "overall progress: waiting for new tasks"));
    let tasks =
        [on("a", "running", "running"), on("b", "starting", "running"), on("c", "running", "shutdown")];
    let got = of(json!({"Global": {}}), Update::Done, &tasks);
    assert_eq!((got.stands(), got.lines[0].1.as_str()), (false, "overall progress: 1 out of 2 tasks"));
    assert!(got.lines[2].1.starts_with("b: starting  ["), "{}", got.lines[2].1);
    assert!(of(json!({"Global": {}}), Update::Done, &tasks[..1]).stands());
}

#[test]
fn a_job_tells_what_is_complete_and_what_is_active() {
    let job = json!({"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 3}});
    let tasks = [
        task(0, "complete", "complete", 1),
        task(1, "failed", "shutdown", 1),
        task(1, "running", "complete", 2),
    ];
    let got = of(job.clone(), Update::Done, &tasks);
    assert!(!got.stands());
    assert!(got.lines[0].1.starts_with("job progress: 1 out of 3 complete [===="), "{}", got.lines[0].1);
    assert_eq!(got.lines[1].1, "active tasks: 1 out of 2 tasks");
    assert!(got.lines[2].1.starts_with("1/3: complete  ["), "{}", got.lines[2].1);
    assert_eq!(got.lines[4].1, "3/3:");
    let done = [0, 1, 2].map(|slot| task(slot, "complete", "complete", 1));
    assert!(of(job, Update::Done, &done).stands());
}

#[test]
fn a_global_job_is_over_when_each_node_has_completed() {
    let mode = || json!({"GlobalJob": {}});
    assert!(!of(mode(), Update::Done, &[]).stands());
    let tasks = [on("a", "complete", "complete"), on("b", "running", "complete")];
    let got = of(mode(), Update::Done, &tasks);
    assert!(!got.stands() && got.lines[0].1.starts_with("job progress: 1 out of 2 complete ["));
    assert!(of(mode(), Update::Done, &tasks[..1]).stands());
}

#[test]
fn what_is_paused_is_said() {
    let status =
        |state: &str| UpdateStatus { state: state.into(), message: "why".into(), ..Default::default() };
    let paused = |text: &str| Update::Paused(text.to_owned());
    assert_eq!(update(Some(&status("paused"))), paused("service update paused: why"));
    assert_eq!(update(Some(&status("rollback_paused"))), paused("service rollback paused: why"));
    assert_eq!(update(Some(&status("rollback_completed"))), Update::RolledBack("why".into()));
    assert_eq!(update(None), Update::Done);
}
