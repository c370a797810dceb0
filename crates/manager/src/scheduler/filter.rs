//! Which nodes a task may go to, and the sentence that tells why none.

use std::collections::BTreeMap;
use std::fmt;

use swarm_api::pb::{self, NodeAvailability, NodeState};

use super::cluster::{Candidates, Share};
use super::wish::{Placed, Wish};
use super::{attribute, constraint};
use crate::node;
use crate::task::host_ports;

/// Why a node is not for a task. In the order of the checks, which is swarmkit's; only the first is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    NotAvailable,
    Resources,
    Devices,
    Plugins,
    Constraints,
    Platform,
    HostPort,
    MaxReplicas,
}

/// Whether the task may go to the candidate in this place.
pub(super) fn check(
    place: usize,
    candidates: &Candidates<'_>,
    share: &Share,
    (task, wish): (&pb::Task, &Wish<'_>),
) -> Result<(), Refusal> {
    let candidate = &candidates.nodes()[place];
    let on = candidate.node;
    if node::state(on) != NodeState::Ready || node::availability(on) != NodeAvailability::Active {
        return Err(Refusal::NotAvailable);
    }
    let reserved = wish.reserved;
    let enough = (reserved.nano_cpus <= 0 || reserved.nano_cpus <= candidate.free_nano_cpus)
        && (reserved.memory_bytes <= 0 || reserved.memory_bytes <= candidate.free_memory_bytes)
        && (wish.generic.is_empty() || candidate.generic.claim(wish.generic).is_some());
    if !enough {
        return Err(Refusal::Resources);
    }
    if candidate.devices.claim(task).is_none() {
        return Err(Refusal::Devices);
    }
    wish.verdicts[place]?;
    if host_ports(task).any(|port| candidate.has_host_port(port)) {
        return Err(Refusal::HostPort);
    }
    match wish.max_replicas {
        Some(most) if share.tasks[place] >= most => Err(Refusal::MaxReplicas),
        _ => Ok(()),
    }
}

/// Whether the node is one for such tasks, whatever else runs there.
pub(super) fn check_placed(node: &pb::Node, placed: &Placed<'_>) -> Result<(), Refusal> {
    let description = node.description.as_ref();
    let plugins = description.map_or(&[][..], |description| &description.plugins);
    // A node that tells of no plugin at all does not tell of plugins.
    if !plugins.is_empty() && !placed.plugins.iter().all(|wanted| plugins.contains(wanted)) {
        return Err(Refusal::Plugins);
    }
    check_place(node, placed)
}

/// Whether the node is where such tasks may be, by constraints and platforms.
pub(super) fn check_place(node: &pb::Node, placed: &Placed<'_>) -> Result<(), Refusal> {
    let description = node.description.as_ref();
    if !constraint::are_met(&placed.constraints, node) {
        return Err(Refusal::Constraints);
    }
    let (os, architecture) =
        description.map_or(("", ""), |description| (&description.os, &description.architecture));
    let runs = |platform: &pb::Platform| {
        (platform.os.is_empty() || platform.os.eq_ignore_ascii_case(os))
            && (platform.architecture.is_empty()
                || attribute::same_architecture(&platform.architecture, architecture))
    };
    if !placed.platforms.is_empty() && !placed.platforms.iter().any(runs) {
        return Err(Refusal::Platform);
    }
    Ok(())
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

    /// Why a task is on its node, in one sentence: among how many nodes it was chosen, and how much was there before.
    pub(super) fn chosen(&self, fit: usize, of_service: usize, all: usize) -> String {
        let total = fit + self.nodes.values().sum::<usize>();
        let others = if self.nodes.is_empty() { String::new() } else { format!(" ({})", self.reasons()) };
        match (fit, total) {
            (1, 1) => format!("the only node; {of_service} of its {all} tasks were of the service"),
            (1, _) => format!("the only one of {total} nodes that suits{others}"),
            _ => format!(
                "the best of {fit} nodes of {total}{others}; {of_service} of its {all} tasks were of the service"
            ),
        }
    }

    /// The most frequent reason first.
    fn reasons(&self) -> String {
        let mut reasons: Vec<(Refusal, usize)> =
            self.nodes.iter().map(|(why, count)| (*why, *count)).collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let reasons: Vec<String> = reasons.into_iter().map(|(why, count)| explain(why, count)).collect();
        reasons.join("; ")
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes.is_empty() {
            return out.write_str("no suitable node");
        }
        write!(out, "no suitable node ({})", self.reasons())
    }
}

fn explain(refusal: Refusal, count: usize) -> String {
    let nodes = if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
    match refusal {
        Refusal::NotAvailable => format!("{nodes} not available for new tasks"),
        Refusal::Resources => format!("insufficient resources on {nodes}"),
        Refusal::Devices => format!("requested CDI devices not available on {nodes}"),
        Refusal::Plugins => format!("missing plugin on {nodes}"),
        Refusal::Constraints => format!("scheduling constraints not satisfied on {nodes}"),
        Refusal::Platform => format!("unsupported platform on {nodes}"),
        Refusal::HostPort => format!("host-mode port already in use on {nodes}"),
        // swarmkit's sentence, which has no number, with one.
        Refusal::MaxReplicas => format!("max replicas per node limit exceed on {nodes}"),
    }
}
