//! Which nodes a task may go to, and the sentence that tells why none.

use std::collections::BTreeMap;
use std::fmt;

use swarm_api::pb::{self, NodeAvailability, NodeState};

use super::cluster::{Candidate, host_ports, reservations};
use super::constraint;
use crate::node;

/// Why a node is not for a task. In the order of the checks; only the first is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    NotAvailable,
    Resources,
    Constraints,
    HostPort,
    MaxReplicas,
}

/// Whether the task may go to this node.
pub(super) fn check(candidate: &Candidate<'_>, task: &pb::Task) -> Result<(), Refusal> {
    let placement = task.spec.as_ref().and_then(|spec| spec.placement.clone()).unwrap_or_default();
    let reserved = reservations(task);
    let on = candidate.node;
    let available = node::state(on) == NodeState::Ready && node::availability(on) == NodeAvailability::Active;
    let enough = (reserved.nano_cpus <= 0 || reserved.nano_cpus <= candidate.free_nano_cpus)
        && (reserved.memory_bytes <= 0 || reserved.memory_bytes <= candidate.free_memory_bytes);
    let max_replicas = usize::try_from(placement.max_replicas).unwrap_or(usize::MAX);
    if !available {
        Err(Refusal::NotAvailable)
    } else if !enough {
        Err(Refusal::Resources)
    } else if !placement.constraints.iter().all(|text| constraint::is_met(text, on)) {
        Err(Refusal::Constraints)
    } else if host_ports(task).any(|port| candidate.has_host_port(port)) {
        Err(Refusal::HostPort)
    } else if max_replicas > 0 && candidate.tasks_of(&task.service_id) >= max_replicas {
        Err(Refusal::MaxReplicas)
    } else {
        Ok(())
    }
}

/// How many nodes were refused for which reason. Shown in swarmkit's words: the most frequent reason first.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    nodes: BTreeMap<Refusal, usize>,
}

impl Refusals {
    pub(super) fn count(&mut self, refusal: Refusal) {
        *self.nodes.entry(refusal).or_default() += 1;
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes.is_empty() {
            return out.write_str("no suitable node");
        }
        let mut reasons: Vec<(Refusal, usize)> =
            self.nodes.iter().map(|(why, count)| (*why, *count)).collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let reasons: Vec<String> = reasons.into_iter().map(|(why, count)| explain(why, count)).collect();
        write!(out, "no suitable node ({})", reasons.join("; "))
    }
}

fn explain(refusal: Refusal, count: usize) -> String {
    let nodes = if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
    match refusal {
        Refusal::NotAvailable => format!("{nodes} not available for new tasks"),
        Refusal::Resources => format!("insufficient resources on {nodes}"),
        Refusal::Constraints => format!("scheduling constraints not satisfied on {nodes}"),
        Refusal::HostPort => format!("host-mode port already in use on {nodes}"),
        // swarmkit's own grammar.
        Refusal::MaxReplicas => "max replicas per node limit exceed".to_owned(),
    }
}
