//! What is derived from the objects, so that they are found by more than their ids: kept up with each change, on every manager
//! alike, and made anew from a snapshot.

use std::sync::Arc;

use swarm_api::pb;

use super::state::{ByName, ByNetwork, ByNode, ByPort, ByService};
use super::{Object, State};
use crate::task::{holds, is_over};

/// Puts the object into the derived maps.
pub(super) fn index(state: &mut State, object: &Object) {
    if let Some(name) = object.unique_name() {
        state.names.insert(by_name(object, name), Arc::from(object.id()));
    }
    match object {
        Object::Task(task) => {
            let by_node = by_node(task);
            if is_holder(task) {
                state.holders_by_node.insert(by_node.clone(), Arc::clone(task));
            }
            for key in by_network(task) {
                state.tasks_by_network.insert(key, Arc::clone(task));
            }
            weigh(state, task, |load| load.add(task));
            state.tasks_by_service.insert(by_service(task), Arc::clone(task));
            state.tasks_by_node.insert(by_node, Arc::clone(task));
        }
        Object::Service(service) => {
            for key in by_port(service) {
                state.services_by_port.insert(key, Arc::from(service.id.as_str()));
            }
        }
        Object::Node(_) | Object::Cluster(_) | Object::Secret(_) | Object::Config(_) | Object::Network(_) => {
        }
    }
}

/// Takes the object out of the derived maps.
pub(super) fn unindex(state: &mut State, object: &Object) {
    if let Some(name) = object.unique_name() {
        state.names.remove(&by_name(object, name));
    }
    match object {
        Object::Task(task) => {
            let by_node = by_node(task);
            if is_holder(task) {
                state.holders_by_node.remove(&by_node);
            }
            for key in by_network(task) {
                state.tasks_by_network.remove(&key);
            }
            weigh(state, task, |load| load.remove(task));
            state.tasks_by_service.remove(&by_service(task));
            state.tasks_by_node.remove(&by_node);
        }
        Object::Service(service) => {
            for key in by_port(service) {
                state.services_by_port.remove(&key);
            }
        }
        Object::Node(_) | Object::Cluster(_) | Object::Secret(_) | Object::Config(_) | Object::Network(_) => {
        }
    }
}

/// Where a name is noted.
fn by_name(object: &Object, name: &str) -> ByName {
    (object.kind(), Arc::from(name.to_ascii_lowercase()))
}

fn by_service(task: &pb::Task) -> ByService {
    (Arc::from(task.service_id.as_str()), task.slot, Arc::from(task.id.as_str()))
}

fn by_node(task: &pb::Task) -> ByNode {
    (Arc::from(task.node_id.as_str()), Arc::from(task.id.as_str()))
}

/// The networks on which the task has a place, none once it is over.
fn by_network(task: &pb::Task) -> impl Iterator<Item = ByNetwork> {
    let places = if is_over(task) { &[][..] } else { &task.networks };
    let networks = places.iter().filter_map(|place| place.network.as_ref());
    networks.map(|network| (Arc::from(network.id.as_str()), Arc::from(task.id.as_str())))
}

/// The published ports of a service that have a number: those it asks for, and those it has.
fn by_port(service: &pb::Service) -> impl Iterator<Item = ByPort> {
    let asked =
        service.spec.iter().filter_map(|spec| spec.endpoint.as_ref()).flat_map(|endpoint| &endpoint.ports);
    let given = service.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    let numbered = asked.chain(given).filter(|port| port.published_port != 0);
    numbered.map(|port| (port.protocol, port.published_port, Arc::from(service.id.as_str())))
}

fn is_holder(task: &pb::Task) -> bool {
    !task.node_id.is_empty() && !is_over(task) && holds(task)
}

/// Changes the load of the task's node.
fn weigh(state: &mut State, task: &pb::Task, change: impl FnOnce(&mut super::Load)) {
    if task.node_id.is_empty() || is_over(task) {
        return;
    }
    let key: Arc<str> = Arc::from(task.node_id.as_str());
    let mut load = state.load_of_node(&key);
    change(&mut load);
    if load.is_none() {
        state.loads.remove(&key);
    } else {
        state.loads.insert(key, load);
    }
}
