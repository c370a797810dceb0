//! Which object a person means: a whole id, else a name, else the beginning of an id, in Docker's order.

use std::sync::Arc;

use swarm_api::{naming, pb};

use super::ControlError;
use super::file::File;
use crate::store::{Kind, State};

pub(super) fn service<'a>(state: &'a State, reference: &str) -> Result<&'a Arc<pb::Service>, ControlError> {
    let present = |service: &&Arc<pb::Service>| !service.removing;
    if let Some(service) =
        state.service(reference).filter(present).or_else(|| state.service_by_name(reference))
    {
        return Ok(service);
    }
    let matches: Vec<_> = state.services_by_prefix(reference).filter(present).collect();
    one(Kind::Service, reference, &matches)
}

pub(super) fn task<'a>(state: &'a State, reference: &str) -> Result<&'a Arc<pb::Task>, ControlError> {
    if let Some(task) = state.task(reference) {
        return Ok(task);
    }
    let named: Vec<_> = state.tasks().filter(|task| has_name(task, reference)).collect();
    if !named.is_empty() {
        return one(Kind::Task, reference, &named);
    }
    one(Kind::Task, reference, &state.tasks_by_prefix(reference).collect::<Vec<_>>())
}

pub(super) fn node<'a>(state: &'a State, reference: &str) -> Result<&'a Arc<pb::Node>, ControlError> {
    if let Some(node) = state.node(reference) {
        return Ok(node);
    }
    let named: Vec<_> = state.nodes().filter(|node| hostname(node) == reference).collect();
    if !named.is_empty() {
        return one(Kind::Node, reference, &named);
    }
    one(Kind::Node, reference, &state.nodes_by_prefix(reference).collect::<Vec<_>>())
}

/// A secret or a config.
pub(super) fn file<'a, F: File>(state: &'a State, reference: &str) -> Result<&'a Arc<F>, ControlError> {
    if let Some(file) = F::by_id(state, reference).or_else(|| F::by_name(state, reference)) {
        return Ok(file);
    }
    let matches: Vec<_> = F::all(state).filter(|file| file.id().starts_with(reference)).collect();
    one(F::KIND, reference, &matches)
}

pub(super) fn network<'a>(state: &'a State, reference: &str) -> Result<&'a Arc<pb::Network>, ControlError> {
    if let Some(network) = state.network(reference).or_else(|| state.network_by_name(reference)) {
        return Ok(network);
    }
    let matches: Vec<_> = state.networks().filter(|network| network.id.starts_with(reference)).collect();
    one(Kind::Network, reference, &matches)
}

/// What a node calls itself.
pub(super) fn hostname(node: &pb::Node) -> &str {
    node.description.as_ref().map_or("", |description| &description.hostname)
}

/// Compares without building the name: this runs over all tasks.
fn has_name(task: &pb::Task, name: &str) -> bool {
    name.strip_prefix(task.service_name.as_str()).is_some_and(|rest| rest.starts_with('.'))
        && naming::task(task) == name
}

/// An empty reference means nothing, though every id begins with it.
fn one<'a, T>(kind: Kind, reference: &str, matches: &[&'a Arc<T>]) -> Result<&'a Arc<T>, ControlError> {
    let reference = reference.to_owned();
    match matches {
        [only] if !reference.is_empty() => Ok(only),
        [_, _, ..] if !reference.is_empty() => {
            Err(ControlError::Ambiguous { kind, reference, matches: matches.len() })
        }
        _ => Err(ControlError::NotFound { kind, reference }),
    }
}
