//! How much of the store a change makes the planners read.

use std::collections::BTreeSet;

use swarm_api::default;
use swarm_api::pb::{self, NodeState, PublishMode, TaskState};

use super::world::*;
use crate::allocator::Allocator;
use crate::orchestrator::Orchestrator;
use crate::reaper::Reaper;
use crate::reconcile::Planner;
use crate::scheduler::Scheduler;
use crate::store::{Action, Event, State, Transaction, View, apply, reads};
use crate::task;

const SERVICES: u32 = 10_000;
/// Tasks beside them for which there is no node.
const WAITING: u64 = 1_000;
const NODES: usize = 5;
/// No planner reads more than so many objects for a service of a few tasks, wherever it stands: each node and its load, and some
/// of the service's own, more than once.
const FEW: u64 = 40;
/// A change has come to rest long before.
const MAX_ROUNDS: usize = 10;

/// A service with a published port, on a network.
fn service(name: &str, network: &str, replicas: u64, published_port: u32) -> pb::Service {
    let annotations = Some(pb::Annotations { name: name.to_owned(), ..Default::default() });
    let publish_mode = PublishMode::Ingress.into();
    let port = pb::PortConfig { target_port: 80, published_port, publish_mode, ..Default::default() };
    let endpoint = Some(pb::EndpointSpec { ports: vec![port], ..Default::default() });
    let mut spec = pb::ServiceSpec { annotations, endpoint, ..spec(replicas) };
    let target = network.to_owned();
    spec.task.get_or_insert_default().networks =
        vec![pb::NetworkAttachmentConfig { target, ..Default::default() }];
    let spec = Some(spec);
    pb::Service { id: name.to_owned(), spec, ..Default::default() }
}

fn network(name: &str, number: u8) -> pb::Network {
    let annotations = Some(pb::Annotations { name: name.to_owned(), ..Default::default() });
    let spec = Some(pb::NetworkSpec { annotations, ..Default::default() });
    let (subnet, gateway) = (format!("10.{number}.0.0/16"), format!("10.{number}.0.1"));
    let subnets = vec![pb::Subnet { subnet, gateway, ..Default::default() }];
    pb::Network { id: name.to_owned(), spec, subnets, ..Default::default() }
}

/// Tasks of this service fit nowhere.
fn unfit() -> pb::Service {
    let mut service = service("unfit", "all", WAITING, 1);
    let task = service.spec.get_or_insert_default().task.get_or_insert_default();
    task.placement.get_or_insert_default().constraints = vec!["node.hostname==nowhere".to_owned()];
    service
}

fn commit(state: &mut State, actions: Vec<Action>) -> Vec<Event> {
    let index = state.index() + 1;
    apply(state, Transaction { actions }, SECOND, index).unwrap()
}

/// What the planner does when it hears of the events, and how much it reads for that.
fn hears(planner: &dyn Planner, state: &State, events: &[Event]) -> (u64, Vec<Action>) {
    let view = View::from(state.clone());
    reads::during(|| {
        let mut dirty = BTreeSet::new();
        events.iter().for_each(|event| planner.touch(&view, event, &mut dirty));
        if dirty.is_empty() { Vec::new() } else { planner.plan(&view, &dirty, SECOND).actions }
    })
}

/// Lets all planners hear of the events and of what the others make of them, until nobody has anything to do. The most that one
/// of them has read at once.
fn settle(state: &mut State, mut events: Vec<Event>) -> (u64, &'static str) {
    let planners: [(&str, &dyn Planner); 4] = [
        ("orchestrator", &Orchestrator { leads_since_ns: 0 }),
        ("allocator", &Allocator),
        ("scheduler", &Scheduler),
        ("reaper", &Reaper),
    ];
    let mut most = (0, "nobody");
    for _ in 0..MAX_ROUNDS {
        let mut next = Vec::new();
        for (name, planner) in planners {
            let heard: Vec<Event> = events.iter().chain(&next).cloned().collect();
            let (read, actions) = hears(planner, state, &heard);
            most = most.max((read, name));
            if !actions.is_empty() {
                next.extend(commit(state, actions));
            }
        }
        if next.is_empty() {
            return most;
        }
        events = next;
    }
    panic!("the planners do not come to rest");
}

/// A swarm of many services, all with a port and a task on one of its nodes but one whose tasks wait; and a network that none of
/// them is on.
fn many() -> State {
    let mut state = State::default();
    let status = Some(pb::NodeStatus { state: NodeState::Ready.into(), ..Default::default() });
    let node = |number| pb::Node { id: format!("n{number}"), status: status.clone(), ..Default::default() };
    commit(&mut state, (0..NODES).map(node).map(Action::put).collect());
    commit(&mut state, [network("all", 1), network("own", 2)].map(Action::put).to_vec());
    let services = (0..SERVICES).map(|number| service(&format!("s{number:05}"), "all", 1, 10_000 + number));
    let events = commit(&mut state, services.chain([unfit()]).map(Action::put).collect());
    settle(&mut state, events);
    let placed = state.tasks().filter(|task| task::state(task) == TaskState::Assigned).count();
    assert_eq!((placed, state.tasks().count()), (10_000, 11_000));
    state
}

#[test]
fn a_change_of_one_of_many_services_reads_that_ones_tasks() {
    let mut state = many();
    let tasks_of = |state: &State, id: &str| {
        let tasks = state.tasks_of_service(id).filter(|task| task::state(task) == TaskState::Assigned);
        tasks.filter(|task| task::is_live(task)).count()
    };

    let events = commit(&mut state, vec![Action::put(service("new", "own", 2, 80))]);
    let most = settle(&mut state, events);
    assert!(most.0 <= FEW, "a new service: {most:?}");
    assert_eq!(tasks_of(&state, "new"), 2);

    let mut scaled = pb::Service::clone(state.service("new").unwrap());
    scaled.spec.as_mut().unwrap().mode = default::replicated(3);
    let events = commit(&mut state, vec![Action::put(scaled)]);
    let most = settle(&mut state, events);
    assert!(most.0 <= FEW, "more replicas: {most:?}");
    assert_eq!(tasks_of(&state, "new"), 3);

    let mut other = pb::Service::clone(state.service("new").unwrap());
    other.spec.as_mut().unwrap().endpoint.as_mut().unwrap().ports[0].target_port = 81;
    let events = commit(&mut state, vec![Action::put(other)]);
    let most = settle(&mut state, events);
    assert!(most.0 <= FEW, "another port within: {most:?}");
}

#[test]
fn who_waits_is_looked_at_when_there_may_be_room() {
    let mut state = many();
    let waiting = |state: &State| {
        state.tasks_of_service("unfit").filter(|task| task::state(task) == TaskState::Pending).count()
    };
    assert_eq!(waiting(&state), 1_000);
    let mut node = pb::Node::clone(state.node("n3").unwrap());
    node.description.get_or_insert_default().hostname = "nowhere".to_owned();
    let events = commit(&mut state, vec![Action::put(node)]);
    settle(&mut state, events);
    assert_eq!(waiting(&state), 0, "a node has become fit");
}
