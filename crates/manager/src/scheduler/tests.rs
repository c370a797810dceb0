//! The scheduler: spread, reservations, constraints, host ports, and the words for a task without a node.

use swarm_api::pb::{NodeAvailability, NodeState};

use super::*;
use crate::store::{State, Transaction, apply};

fn node(id: &str, state: NodeState, availability: NodeAvailability) -> pb::Node {
    pb::Node {
        id: id.to_owned(),
        spec: Some(pb::NodeSpec { availability: availability.into(), ..Default::default() }),
        description: Some(pb::NodeDescription {
            hostname: id.to_owned(),
            nano_cpus: 2_000_000_000,
            memory_bytes: 1 << 30,
            ..Default::default()
        }),
        status: Some(pb::NodeStatus { state: state.into(), ..Default::default() }),
        ..Default::default()
    }
}

fn ready(id: &str) -> pb::Node {
    node(id, NodeState::Ready, NodeAvailability::Active)
}

fn pending(id: &str, spec: pb::TaskSpec) -> pb::Task {
    pb::Task {
        id: id.to_owned(),
        service_id: "s".to_owned(),
        spec: Some(spec),
        desired_state: TaskState::Running.into(),
        status: Some(pb::TaskStatus { state: TaskState::Pending.into(), ..Default::default() }),
        ..Default::default()
    }
}

fn reserving(nano_cpus: i64) -> pb::TaskSpec {
    let reservations = Some(pb::Resources { nano_cpus, ..Default::default() });
    pb::TaskSpec {
        resources: Some(pb::ResourceRequirements { reservations, ..Default::default() }),
        ..Default::default()
    }
}

/// Applies one pass of the scheduler over the nodes and tasks.
fn scheduled(nodes: Vec<pb::Node>, tasks: Vec<pb::Task>) -> View {
    let mut state = State::default();
    let nodes = nodes.into_iter().map(Action::put);
    let first: Transaction = nodes.chain(tasks.into_iter().map(Action::put)).collect();
    apply(&mut state, first, 0, 1).unwrap();
    let view = View::from(state.clone());
    let planned = Scheduler.plan(&view, &Scheduler.everything(&view), 10);
    apply(&mut state, Transaction { actions: planned.actions }, 10, 2).unwrap();
    let view = View::from(state);
    let again = Scheduler.plan(&view, &Scheduler.everything(&view), 20);
    assert!(again.actions.is_empty(), "a second pass has nothing to add: {:?}", again.actions);
    view
}

fn reason(view: &View, id: &str) -> String {
    view.task(id).unwrap().status.clone().unwrap().err
}

#[test]
fn tasks_spread_over_the_nodes() {
    let tasks = (0..6).map(|n| pending(&format!("t{n}"), pb::TaskSpec::default())).collect();
    let view = scheduled(vec![ready("a"), ready("b"), ready("c")], tasks);
    for id in ["a", "b", "c"] {
        assert_eq!(view.tasks_of_node(id).count(), 2, "{id}");
    }
    assert!(view.tasks().all(|task| task::state(task) == TaskState::Assigned));
}

#[test]
fn no_node_is_told_in_swarmkits_words() {
    let nodes = vec![
        node("a", NodeState::Ready, NodeAvailability::Drain),
        ready("b"),
        ready("c"),
        node("d", NodeState::Down, NodeAvailability::Active),
    ];
    let view = scheduled(
        nodes[1..3].iter().cloned().chain([nodes[0].clone()]).collect(),
        vec![pending("t", reserving(3_000_000_000))],
    );
    assert_eq!(
        reason(&view, "t"),
        "no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)"
    );
    let view = scheduled(nodes, vec![pending("t", reserving(3_000_000_000))]);
    assert_eq!(
        reason(&view, "t"),
        "no suitable node (2 nodes not available for new tasks; insufficient resources on 2 nodes)"
    );
    assert_eq!(reason(&scheduled(vec![], vec![pending("t", reserving(1))]), "t"), "no suitable node");
}

#[test]
fn reservations_are_taken_from_the_node_task_by_task() {
    let tasks = (0..3).map(|n| pending(&format!("t{n}"), reserving(1_000_000_000))).collect();
    let view = scheduled(vec![ready("a")], tasks);
    assert_eq!(view.tasks_of_node("a").count(), 2);
    assert_eq!(reason(&view, "t2"), "no suitable node (insufficient resources on 1 node)");
}

#[test]
fn constraints_and_replicas_per_node_hold() {
    let placement = pb::Placement {
        constraints: vec!["node.hostname==b".to_owned()],
        max_replicas: 1,
        ..Default::default()
    };
    let spec = pb::TaskSpec { placement: Some(placement), ..Default::default() };
    let view =
        scheduled(vec![ready("a"), ready("b")], vec![pending("t0", spec.clone()), pending("t1", spec)]);
    assert_eq!(view.task("t0").unwrap().node_id, "b");
    assert_eq!(
        reason(&view, "t1"),
        "no suitable node (scheduling constraints not satisfied on 1 node; max replicas per node limit exceed)"
    );
}

#[test]
fn a_host_port_is_held_once_per_node() {
    let port = pb::PortConfig {
        published_port: 8080,
        publish_mode: pb::PublishMode::Host.into(),
        ..Default::default()
    };
    let publishing = |id| pb::Task {
        endpoint: Some(pb::Endpoint { ports: vec![port.clone()], ..Default::default() }),
        ..pending(id, pb::TaskSpec::default())
    };
    let view = scheduled(vec![ready("a")], vec![publishing("t0"), publishing("t1")]);
    assert_eq!(view.task("t0").unwrap().node_id, "a");
    assert_eq!(reason(&view, "t1"), "no suitable node (host-mode port already in use on 1 node)");
}

#[test]
fn a_node_that_fails_a_service_again_and_again_is_the_last_choice() {
    let failed = |n: usize| pb::Task {
        node_id: "a".to_owned(),
        status: Some(pb::TaskStatus { state: TaskState::Failed.into(), ..Default::default() }),
        ..pending(&format!("failed{n}"), pb::TaskSpec::default())
    };
    let mut tasks: Vec<pb::Task> = (0..5).map(failed).collect();
    let busy = |n: usize| pb::Task {
        node_id: "b".to_owned(),
        status: Some(pb::TaskStatus { state: TaskState::Running.into(), ..Default::default() }),
        ..pending(&format!("busy{n}"), pb::TaskSpec::default())
    };
    tasks.extend((0..3).map(busy));
    tasks.push(pending("t", pb::TaskSpec::default()));
    assert_eq!(scheduled(vec![ready("a"), ready("b")], tasks).task("t").unwrap().node_id, "b");
}
