//! The scheduler: spread, reservations, constraints, host ports, and the words for a task without a node.
//! `chance`: whatever is asked for, some things hold · `load`: how long a pass takes

use swarm_api::pb::{NodeAvailability, NodeState};

mod chance;
mod load;

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
        "no suitable node (scheduling constraints not satisfied on 1 node; max replicas per node limit exceed on 1 node)"
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

/// A task of this spec that ended so on the node "a", which has nothing else to do, unlike "b"; where the next one of the first spec
/// goes.
fn after(state: TaskState, spec_version: u64) -> String {
    let ended = pb::Task {
        node_id: "a".to_owned(),
        spec_version,
        status: Some(pb::TaskStatus { state: state.into(), ..Default::default() }),
        ..pending("ended", pb::TaskSpec::default())
    };
    let busy = |n: usize| pb::Task {
        node_id: "b".to_owned(),
        status: Some(pb::TaskStatus { state: TaskState::Running.into(), ..Default::default() }),
        ..pending(&format!("busy{n}"), pb::TaskSpec::default())
    };
    let tasks = (0..3).map(busy).chain([ended, pending("t", pb::TaskSpec::default())]).collect();
    scheduled(vec![ready("a"), ready("b")], tasks).task("t").unwrap().node_id.clone()
}

#[test]
fn what_a_node_cannot_run_is_tried_on_another_at_once() {
    assert_eq!(after(TaskState::Rejected, 0), "b");
    assert_eq!(after(TaskState::Failed, 0), "a", "what has run and failed there once may do better");
    assert_eq!(after(TaskState::Rejected, 1), "a", "that was another spec");
}

fn labelled(id: &str, rack: &str) -> pb::Node {
    let mut node = ready(id);
    let labels = [("rack".to_owned(), rack.to_owned())].into();
    node.spec.get_or_insert_default().annotations = Some(pb::Annotations { labels, ..Default::default() });
    node
}

fn placed(placement: pb::Placement) -> pb::TaskSpec {
    pb::TaskSpec { placement: Some(placement), ..Default::default() }
}

#[test]
fn racks_get_the_same_however_many_nodes_they_have() {
    let nodes = vec![labelled("a", "one"), labelled("b", "two"), labelled("c", "two"), labelled("d", "two")];
    let spread = vec!["node.labels.rack".to_owned()];
    let spec = placed(pb::Placement { spread, ..Default::default() });
    let tasks = (0..6).map(|n| pending(&format!("t{n}"), spec.clone())).collect();
    let view = scheduled(nodes, tasks);
    let counts = ["a", "b", "c", "d"].map(|id| view.tasks_of_node(id).count());
    assert_eq!(counts, [3, 1, 1, 1]);
}

#[test]
fn the_second_preference_divides_within_the_first() {
    let node = |id: &str, zone: &str, rack: &str| {
        let mut node = labelled(id, rack);
        node.description.get_or_insert_default().engine_labels =
            [("zone".to_owned(), zone.to_owned())].into();
        node
    };
    let nodes = vec![node("a", "x", "1"), node("b", "x", "2"), node("c", "x", "2"), node("d", "y", "1")];
    let spread = vec!["engine.labels.zone".to_owned(), "node.labels.rack".to_owned()];
    let spec = placed(pb::Placement { spread, ..Default::default() });
    let tasks = (0..8).map(|n| pending(&format!("t{n}"), spec.clone())).collect();
    let view = scheduled(nodes, tasks);
    let counts = ["a", "b", "c", "d"].map(|id| view.tasks_of_node(id).count());
    assert_eq!(counts, [2, 1, 1, 4]);
}

#[test]
fn platforms_and_plugins_are_asked_for() {
    let mut arm = ready("arm");
    let described = arm.description.get_or_insert_default();
    (described.os, described.architecture) = ("linux".to_owned(), "aarch64".to_owned());
    described.plugins = vec!["Log/json-file".to_owned(), "Volume/local".to_owned()];
    let platform =
        |architecture: &str| pb::Platform { architecture: architecture.into(), os: "linux".into() };
    let on = |architecture| {
        placed(pb::Placement { platforms: vec![platform(architecture)], ..Default::default() })
    };
    let logging = |name: &str| pb::TaskSpec {
        log_driver: Some(pb::LogDriver { name: name.into(), ..Default::default() }),
        ..Default::default()
    };
    for (spec, reason) in [
        (on("arm64"), ""),
        (on("amd64"), "no suitable node (unsupported platform on 1 node)"),
        (logging("json-file"), ""),
        (logging("none"), ""),
        (logging("gelf"), "no suitable node (missing plugin on 1 node)"),
    ] {
        let view = scheduled(vec![arm.clone()], vec![pending("t", spec.clone())]);
        assert_eq!(self::reason(&view, "t"), reason, "{spec:?}");
    }
}

/// A node that tells of these drivers.
fn with_drivers(id: &str, plugins: &[&str]) -> pb::Node {
    let mut node = ready(id);
    node.description.get_or_insert_default().plugins = plugins.iter().map(|name| (*name).into()).collect();
    node
}

#[test]
fn drivers_of_volumes_and_networks_are_asked_for() {
    let built_in = ["Log/json-file", "Network/bridge", "Volume/local"];
    let mounting = |kind: pb::MountType, driver: &str| {
        let mount = pb::Mount { r#type: kind.into(), driver: driver.into(), ..Default::default() };
        let container = pb::ContainerSpec { mounts: vec![mount], ..Default::default() };
        pending("t", pb::TaskSpec { container: Some(container), ..Default::default() })
    };
    let networked = |driver: &str| {
        let spec = Some(pb::NetworkSpec { driver: driver.into(), ..Default::default() });
        let network = Some(pb::Network { spec, ..Default::default() });
        let networks = vec![pb::NetworkAttachment { network, ..Default::default() }];
        pb::Task { networks, ..pending("t", pb::TaskSpec::default()) }
    };
    for (task, driver) in [
        (mounting(pb::MountType::Volume, "nfs"), Some("Volume/nfs")),
        (mounting(pb::MountType::Volume, "local"), None),
        (mounting(pb::MountType::Volume, ""), None),
        (mounting(pb::MountType::Bind, "nfs"), None),
        (networked("overlay"), Some("Network/overlay")),
        (networked("bridge"), None),
    ] {
        let plain = |id| with_drivers(id, &built_in);
        let view = scheduled(vec![plain("a"), plain("b")], vec![task.clone()]);
        let missing = "no suitable node (missing plugin on 2 nodes)";
        assert_eq!(reason(&view, "t"), driver.map_or("", |_| missing), "{task:?}");
        let Some(driver) = driver else { continue };
        let able = with_drivers("c", &[&built_in[..], &[driver]].concat());
        let view = scheduled(vec![plain("a"), plain("b"), able], vec![task]);
        let placed = view.task("t").unwrap();
        assert_eq!(placed.node_id, "c");
        assert_eq!(placed.placed, "the only one of 3 nodes that suits (missing plugin on 2 nodes)");
    }
}

#[test]
fn generic_resources_and_devices_are_given_to_one_task_each() {
    let mut node = ready("a");
    let described = node.description.get_or_insert_default();
    let gpu = |value: &str| pb::GenericResource { kind: "gpu".into(), value: value.into(), count: 0 };
    described.generic_resources = vec![gpu("one"), gpu("two")];
    described.cdi_devices = vec!["v.com/gpu=0".to_owned()];
    let wanted = pb::GenericResource { kind: "gpu".into(), count: 1, ..Default::default() };
    let spec = pb::TaskSpec {
        resources: Some(pb::ResourceRequirements {
            generic_reservations: vec![wanted],
            ..Default::default()
        }),
        ..Default::default()
    };
    let view =
        scheduled(vec![node.clone()], (0..3).map(|n| pending(&format!("t{n}"), spec.clone())).collect());
    let given = |id: &str| view.task(id).unwrap().assigned_generic.clone();
    assert_eq!((given("t0"), given("t1")), (vec![gpu("one")], vec![gpu("two")]));
    assert_eq!(reason(&view, "t2"), "no suitable node (insufficient resources on 1 node)");

    let extras = pb::ContainerExtras { cdi_devices: vec!["v.com/gpu=any".into()], ..Default::default() };
    let container = pb::ContainerSpec { shoal: Some(extras), ..Default::default() };
    let spec = pb::TaskSpec { container: Some(container), ..Default::default() };
    let view = scheduled(vec![node], (0..2).map(|n| pending(&format!("t{n}"), spec.clone())).collect());
    assert_eq!(view.task("t0").unwrap().assigned_cdi, ["v.com/gpu=0"]);
    assert_eq!(reason(&view, "t1"), "no suitable node (requested CDI devices not available on 1 node)");
}

#[test]
fn a_task_says_why_it_is_where_it_is() {
    let placed_on = |nodes, spec: pb::TaskSpec| {
        let view = scheduled(nodes, vec![pending("t", spec)]);
        view.task("t").unwrap().placed.clone()
    };
    let on_a = placed(pb::Placement { constraints: vec!["node.id==a".into()], ..Default::default() });
    assert_eq!(
        placed_on(vec![ready("a"), ready("b"), ready("c")], on_a),
        "the only one of 3 nodes that suits (scheduling constraints not satisfied on 2 nodes)"
    );
    let plain = pb::TaskSpec::default;
    assert_eq!(placed_on(vec![ready("a")], plain()), "the only node; 0 of its 0 tasks were of the service");
    let drained = node("c", NodeState::Ready, NodeAvailability::Drain);
    assert_eq!(
        placed_on(vec![ready("a"), ready("b"), drained], plain()),
        "the best of 2 nodes of 3 (1 node not available for new tasks); 0 of its 0 tasks were of the service"
    );
}

#[test]
fn failures_are_forgotten() {
    let failed = |n: usize| pb::Task {
        node_id: "a".to_owned(),
        status: Some(pb::TaskStatus { state: TaskState::Failed.into(), ..Default::default() }),
        ..pending(&format!("failed{n}"), pb::TaskSpec::default())
    };
    let busy = pb::Task {
        node_id: "b".to_owned(),
        status: Some(pb::TaskStatus { state: TaskState::Running.into(), ..Default::default() }),
        ..pending("busy", pb::TaskSpec::default())
    };
    let mut state = State::default();
    let tasks = (0..5).map(failed).chain([busy, pending("t", pb::TaskSpec::default())]);
    let actions = [ready("a"), ready("b")].into_iter().map(Action::put).chain(tasks.map(Action::put));
    apply(&mut state, actions.collect(), 0, 1).unwrap();
    let view = View::from(state);
    let node_at = |now_ns: i64| match &Scheduler.plan(&view, &Scheduler.everything(&view), now_ns).actions[..]
    {
        [Action::Put(Object::Task(task))] => task.node_id.clone(),
        other => panic!("{other:?}"),
    };
    let minute = 60_000_000_000;
    assert_eq!(node_at(4 * minute), "b", "it has failed five times of late");
    assert_eq!(node_at(6 * minute), "a", "that was long ago, and it has less to do");
}
