//! The allocator over a store in memory: ports chosen, kept, and waited for.

use swarm_api::pb::PublishMode;

use super::*;
use crate::store::{State, Transaction, apply};

fn service(id: &str, published: u32) -> pb::Service {
    let port = pb::PortConfig {
        target_port: 80,
        published_port: published,
        publish_mode: PublishMode::Ingress.into(),
        ..Default::default()
    };
    pb::Service {
        id: id.to_owned(),
        spec: Some(pb::ServiceSpec {
            annotations: Some(pb::Annotations { name: format!("{id}-name"), ..Default::default() }),
            endpoint: Some(pb::EndpointSpec { ports: vec![port], ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn task(id: &str, service_id: &str) -> pb::Task {
    pb::Task {
        id: id.to_owned(),
        service_id: service_id.to_owned(),
        desired_state: TaskState::Running.into(),
        ..Default::default()
    }
}

/// Plans everything once and applies it.
fn round(state: &mut State) -> usize {
    let view = View::from(state.clone());
    let planned = Allocator.plan(&view, &Allocator.everything(&view), 1);
    let count = planned.actions.len();
    let index = state.index() + 1;
    apply(state, Transaction { actions: planned.actions }, 1, index).unwrap();
    count
}

fn state(objects: Vec<Object>) -> State {
    let mut state = State::default();
    apply(&mut state, objects.into_iter().map(Action::Put).collect(), 0, 1).unwrap();
    state
}

#[test]
fn a_task_is_pending_with_the_ports_of_its_service() {
    let mut state = state(vec![service("s", 0).into(), task("t", "s").into()]);
    assert_eq!(round(&mut state), 2);
    let port = state.service("s").unwrap().endpoint.as_ref().unwrap().ports[0].published_port;
    assert_eq!(port, 30_000);
    let task = state.task("t").unwrap();
    assert_eq!(task::state(task), TaskState::Pending);
    assert_eq!(task.endpoint.as_ref().unwrap().ports[0].published_port, port);
    assert_eq!(round(&mut state), 0, "nothing is left to do");
}

#[test]
fn a_port_in_use_is_waited_for_with_its_holder_named() {
    let mut state = state(vec![service("a", 8080).into(), service("b", 8080).into(), task("t", "b").into()]);
    round(&mut state);
    let status = state.task("t").unwrap().status.clone().unwrap();
    assert_eq!(status.state(), TaskState::New);
    assert_eq!(status.err, "port 8080 is already in use by service a-name (ingress)");
    assert_eq!(round(&mut state), 0, "the reason is written once");

    let holder = Arc::clone(state.service("a").unwrap());
    let index = state.index() + 1;
    apply(&mut state, Transaction::one(Action::delete(holder)), 2, index).unwrap();
    round(&mut state);
    assert_eq!(task::state(state.task("t").unwrap()), TaskState::Pending);
}

#[test]
fn a_chosen_port_stays_when_the_spec_changes_elsewhere() {
    let mut state = state(vec![service("s", 0).into(), service("other", 0).into()]);
    round(&mut state);
    let before = state.service("s").unwrap().endpoint.clone().unwrap().ports[0].published_port;
    let mut changed = pb::Service::clone(state.service("s").unwrap());
    let spec = changed.spec.as_mut().unwrap().endpoint.as_mut().unwrap();
    spec.ports.push(pb::PortConfig { target_port: 81, published_port: 9000, ..Default::default() });
    let index = state.index() + 1;
    apply(&mut state, Transaction::one(Action::put(changed)), 2, index).unwrap();
    round(&mut state);
    let ports = state.service("s").unwrap().endpoint.clone().unwrap().ports;
    assert_eq!(ports[0].published_port, before);
    assert_eq!(ports[1].published_port, 9000);
}

fn network(id: &str) -> pb::Network {
    let annotations = Some(pb::Annotations { name: format!("{id}-name"), ..Default::default() });
    pb::Network {
        id: id.to_owned(),
        spec: Some(pb::NetworkSpec { annotations, ..Default::default() }),
        ..Default::default()
    }
}

fn task_on(id: &str, service_id: &str, targets: &[&str]) -> pb::Task {
    let networks = targets.iter().map(|target| pb::NetworkAttachmentConfig {
        target: (*target).to_owned(),
        aliases: vec![format!("{target}-alias")],
        ..Default::default()
    });
    let spec = pb::TaskSpec { networks: networks.collect(), ..Default::default() };
    pb::Task { spec: Some(spec), ..task(id, service_id) }
}

#[test]
fn networks_get_subnets_and_numbers_of_their_own_and_tasks_addresses() {
    let mut state = state(vec![
        network("n1").into(),
        network("n2").into(),
        service("a", 0).into(),
        task_on("t1", "a", &["n1", "n2-name", "n1-name"]).into(),
        task_on("t2", "a", &["n1"]).into(),
        task_on("t3", "a", &["host"]).into(),
        task_on("t4", "a", &["gone"]).into(),
    ]);
    // A network at a time, then the tasks that wait for them.
    for _ in 0..3 {
        round(&mut state);
    }
    let of = |id: &str| (**state.network(id).unwrap()).clone();
    assert_eq!((of("n1").subnets[0].subnet.as_str(), of("n1").vni), ("10.0.0.0/24", 4096));
    assert_eq!((of("n2").subnets[0].subnet.as_str(), of("n2").vni), ("10.0.1.0/24", 4097));
    let t1 = state.task("t1").unwrap();
    assert_eq!(task::state(t1), TaskState::Pending);
    let places: Vec<_> = t1
        .networks
        .iter()
        .map(|place| (place.network.as_ref().unwrap().id.as_str(), place.addresses.clone()))
        .collect();
    assert_eq!(places, [("n1", vec!["10.0.0.2/24".to_owned()]), ("n2", vec!["10.0.1.2/24".to_owned()])]);
    assert_eq!(t1.networks[0].aliases, ["n1-alias", "n1-name-alias"]);
    assert_eq!(state.task("t2").unwrap().networks[0].addresses, ["10.0.0.3/24"]);
    assert!(state.task("t3").unwrap().networks.is_empty());
    let t4 = state.task("t4").unwrap();
    assert_eq!(task::state(t4), TaskState::New);
    assert_eq!(t4.status.as_ref().unwrap().err, "network gone not found");
}

#[test]
fn an_address_is_one_tasks_until_that_is_over() {
    let mut small = network("n1");
    let subnet = pb::Subnet { subnet: "10.5.0.0/30".to_owned(), ..Default::default() };
    small.spec.as_mut().unwrap().subnets = vec![subnet];
    let tasks = [task_on("t1", "a", &["n1"]), task_on("t2", "a", &["n1"])].map(Object::from);
    let mut state = state([vec![small.into(), service("a", 0).into()], tasks.to_vec()].concat());
    round(&mut state);
    round(&mut state);
    assert_eq!(state.task("t1").unwrap().networks[0].addresses, ["10.5.0.2/30"]);
    assert_eq!(
        state.task("t2").unwrap().status.as_ref().unwrap().err,
        "no address is left on network n1-name"
    );
    let mut over = (**state.task("t1").unwrap()).clone();
    over.status.get_or_insert_default().set_state(TaskState::Failed);
    let index = state.index() + 1;
    apply(&mut state, Transaction::one(Action::put(over)), 1, index).unwrap();
    round(&mut state);
    assert_eq!(state.task("t2").unwrap().networks[0].addresses, ["10.5.0.2/30"]);
}
