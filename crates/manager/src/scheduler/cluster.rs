//! The nodes as the scheduler sees them: what each offers, and what the tasks on it take.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};

use super::device::Devices;
use super::generic::Free;
use crate::store::View;
use crate::task::{self, host_ports, is_live, reserved};

/// Failures are held against a node for this long, as swarmkit does.
const FAILURE_MEMORY_NS: i64 = 5 * 60 * 1_000_000_000;

/// A node and what is left of it.
pub(super) struct Candidate<'a> {
    pub(super) node: &'a pb::Node,
    pub(super) free_nano_cpus: i64,
    pub(super) free_memory_bytes: i64,
    pub(super) generic: Free,
    pub(super) devices: Devices<'a>,
    /// Tasks on it that run or may come to.
    pub(super) tasks: usize,
    /// Host-mode ports in use, by protocol and number.
    host_ports: BTreeSet<(i32, u32)>,
}

/// What a service has on each node, in the order of the candidates.
#[derive(Clone)]
pub(super) struct Share {
    pub(super) tasks: Vec<usize>,
    /// By the version of the spec, as far as a task of it is to be placed.
    failures: BTreeMap<u64, Vec<Failures>>,
}

/// What has gone wrong with a spec on a node of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    /// Tasks that have failed or were rejected.
    pub(super) count: usize,
    /// The node has said that it cannot run such a task: it does not get the image, say, or lacks what is to be mounted.
    pub(super) is_rejected: bool,
}

impl Share {
    /// What has gone wrong on the candidate in this place with the spec of the task.
    pub(super) fn failures(&self, place: usize, task: &pb::Task) -> Failures {
        self.failures.get(&task.spec_version).map_or(Failures::default(), |failures| failures[place])
    }

    /// Counts a task of the service that was given the candidate in this place. One that is told to stop still takes its place
    /// there, but no longer counts as one of its service.
    fn count(&mut self, place: usize, task: &pb::Task, now_ns: i64) {
        let state = task::state(task);
        let updated_ns = task.meta.as_ref().map_or(0, |meta| meta.updated_at_ns);
        if matches!(state, TaskState::Rejected | TaskState::Failed)
            && now_ns.saturating_sub(updated_ns) < FAILURE_MEMORY_NS
            && let Some(failures) = self.failures.get_mut(&task.spec_version)
        {
            failures[place].count += 1;
            failures[place].is_rejected |= state == TaskState::Rejected;
        }
        if !task::is_over(task) && is_live(task) {
            self.tasks[place] += 1;
        }
    }
}

/// All nodes, by id, and the shares of the services that have a task to place.
pub(super) struct Candidates<'a> {
    nodes: Vec<Candidate<'a>>,
    places: HashMap<&'a str, usize>,
    shares: HashMap<&'a str, Share>,
}

impl<'a> Candidates<'a> {
    /// The nodes of the view with what their tasks take, for placing `pending`. Of the tasks that have a node those are read
    /// that are of the same services, and those that have something of a node for themselves.
    pub(super) fn of(view: &'a View, pending: &[&'a Arc<pb::Task>], now_ns: i64) -> Self {
        let nodes: Vec<_> = view.nodes().map(|node| Candidate::of(view, node)).collect();
        let places = nodes.iter().enumerate().map(|(place, one)| (one.node.id.as_str(), place)).collect();
        let mut shares: HashMap<&str, Share> = HashMap::new();
        for task in pending {
            let nothing = || Share { tasks: vec![0; nodes.len()], failures: BTreeMap::new() };
            let share = shares.entry(&task.service_id).or_insert_with(nothing);
            share.failures.entry(task.spec_version).or_insert_with(|| vec![Failures::default(); nodes.len()]);
        }
        let mut candidates = Candidates { nodes, places, shares };
        for (service_id, share) in &mut candidates.shares {
            for task in view.tasks_of_service(service_id) {
                if let Some(place) = candidates.places.get(task.node_id.as_str()) {
                    share.count(*place, task, now_ns);
                }
            }
        }
        candidates
    }

    pub(super) fn nodes(&self) -> &[Candidate<'a>] {
        &self.nodes
    }

    /// What the service of a pending task has.
    pub(super) fn share(&self, service_id: &str) -> Option<&Share> {
        self.shares.get(service_id)
    }

    /// Counts a task that has just been given its node.
    pub(super) fn take(&mut self, task: &pb::Task) {
        let Some(place) = self.places.get(task.node_id.as_str()) else { return };
        let candidate = &mut self.nodes[*place];
        let reserved = reserved(task);
        candidate.free_nano_cpus = candidate.free_nano_cpus.saturating_sub(reserved.nano_cpus);
        candidate.free_memory_bytes = candidate.free_memory_bytes.saturating_sub(reserved.memory_bytes);
        candidate.tasks += 1;
        candidate.hold(task);
        if let Some(share) = self.shares.get_mut(task.service_id.as_str()) {
            share.tasks[*place] += 1;
        }
    }
}

impl<'a> Candidate<'a> {
    fn of(view: &View, node: &'a Arc<pb::Node>) -> Self {
        let description = node.description.as_ref();
        let has = |what: fn(&pb::NodeDescription) -> i64| description.map_or(0, what);
        let load = view.load_of_node(&node.id);
        let mut candidate = Candidate {
            node,
            free_nano_cpus: has(|description| description.nano_cpus).saturating_sub(load.nano_cpus()),
            free_memory_bytes: has(|description| description.memory_bytes)
                .saturating_sub(load.memory_bytes()),
            generic: Free::of(description.map_or(&[], |description| &description.generic_resources)),
            devices: Devices::of(description.map_or(&[], |description| &description.cdi_devices)),
            tasks: load.live,
            host_ports: BTreeSet::new(),
        };
        view.holders_on_node(&node.id).for_each(|task| candidate.hold(task));
        candidate
    }

    pub(super) fn has_host_port(&self, port: &pb::PortConfig) -> bool {
        self.host_ports.contains(&(port.protocol, port.published_port))
    }

    /// Counts what the task has for itself alone.
    fn hold(&mut self, task: &pb::Task) {
        self.generic.take(&task.assigned_generic);
        self.devices.take(task);
        self.host_ports.extend(host_ports(task).map(|port| (port.protocol, port.published_port)));
    }
}
