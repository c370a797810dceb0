//! How long a pass takes when a large cluster has everything still to place.

use std::time::{Duration, Instant};

use super::*;

/// Many times what it takes even without optimization and on a busy machine; a pass whose cost grows with the square of the
/// tasks takes many times that.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn ten_thousand_tasks_are_placed_on_a_hundred_nodes_in_one_pass() {
    let mut state = State::default();
    let nodes = (0..100).map(|n| labelled(&format!("n{n:03}"), &format!("rack{}", n % 7)));
    let task = |n: usize| {
        let placement = pb::Placement {
            constraints: vec!["node.role==worker".to_owned(), "node.labels.rack!=none".to_owned()],
            spread: vec!["node.labels.rack".to_owned()],
            max_replicas: 200,
            ..Default::default()
        };
        let service_id = format!("s{}", n % 20);
        pb::Task { service_id, spec_version: 1, ..pending(&format!("t{n:05}"), placed(placement)) }
    };
    let mut unfit = pending("unfit", reserving(1 << 40));
    unfit.service_id = "unfit".to_owned();
    let mut tasks: Vec<pb::Task> = (0..10_000).map(task).collect();
    tasks.extend((0..1000).map(|n| pb::Task { id: format!("u{n}"), ..unfit.clone() }));
    apply(&mut state, nodes.map(Action::put).chain(tasks.into_iter().map(Action::put)).collect(), 0, 1)
        .unwrap();
    let view = View::from(state);
    let began = Instant::now();
    let planned = Scheduler.plan(&view, &Scheduler.everything(&view), 10);
    let took = began.elapsed();
    eprintln!("11,000 pending tasks over 100 nodes: {took:?}");
    assert_eq!(planned.actions.len(), 11_000);
    assert!(took < BOUND, "{took:?}");
}
