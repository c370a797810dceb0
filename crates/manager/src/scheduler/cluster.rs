//! The nodes as the scheduler sees them: what each offers, and what the tasks on it take.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use swarm_api::pb::{self, PublishMode, TaskState};

use crate::store::View;
use crate::task::{self, is_live};

/// Failures are held against a node for this long, as swarmkit does.
const FAILURE_MEMORY_NS: i64 = 5 * 60 * 1_000_000_000;

/// A node and what is left of it.
pub(super) struct Candidate<'a> {
    pub(super) node: &'a pb::Node,
    pub(super) free_nano_cpus: i64,
    pub(super) free_memory_bytes: i64,
    /// Tasks on it that run or may come to.
    pub(super) tasks: usize,
    tasks_of_service: HashMap<String, usize>,
    failures_of_service: HashMap<String, usize>,
    /// Host-mode ports in use, by protocol and number.
    host_ports: BTreeSet<(i32, u32)>,
}

/// All nodes, by id.
pub(super) struct Candidates<'a> {
    nodes: BTreeMap<&'a str, Candidate<'a>>,
}

impl<'a> Candidates<'a> {
    /// The nodes of the view with what their tasks take.
    pub(super) fn of(view: &'a View, now_ns: i64) -> Self {
        let nodes = view.nodes().map(|node| (node.id.as_str(), Candidate::new(node)));
        let mut candidates = Candidates { nodes: nodes.collect() };
        for candidate in candidates.nodes.values_mut() {
            for task in view.tasks_of_node(&candidate.node.id) {
                candidate.load(task, now_ns);
            }
        }
        candidates
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.nodes.values()
    }

    /// Counts the task as being on the node.
    pub(super) fn take(&mut self, node_id: &str, task: &pb::Task) {
        if let Some(candidate) = self.nodes.get_mut(node_id) {
            candidate.add(task);
        }
    }
}

impl<'a> Candidate<'a> {
    fn new(node: &'a Arc<pb::Node>) -> Self {
        let description = node.description.as_ref();
        Candidate {
            node,
            free_nano_cpus: description.map_or(0, |description| description.nano_cpus),
            free_memory_bytes: description.map_or(0, |description| description.memory_bytes),
            tasks: 0,
            tasks_of_service: HashMap::new(),
            failures_of_service: HashMap::new(),
            host_ports: BTreeSet::new(),
        }
    }

    pub(super) fn tasks_of(&self, service_id: &str) -> usize {
        self.tasks_of_service.get(service_id).copied().unwrap_or(0)
    }

    pub(super) fn failures_of(&self, service_id: &str) -> usize {
        self.failures_of_service.get(service_id).copied().unwrap_or(0)
    }

    pub(super) fn has_host_port(&self, port: &pb::PortConfig) -> bool {
        self.host_ports.contains(&(port.protocol, port.published_port))
    }

    fn load(&mut self, task: &pb::Task, now_ns: i64) {
        let updated_ns = task.meta.as_ref().map_or(0, |meta| meta.updated_at_ns);
        let failed = matches!(task::state(task), TaskState::Failed | TaskState::Rejected);
        if failed && now_ns.saturating_sub(updated_ns) < FAILURE_MEMORY_NS {
            *self.failures_of_service.entry(task.service_id.clone()).or_default() += 1;
        }
        if !task::is_over(task) {
            self.add(task);
        }
    }

    /// A task that is told to stop still takes its place, but no longer counts as one of its service.
    fn add(&mut self, task: &pb::Task) {
        let reserved = reservations(task);
        self.free_nano_cpus = self.free_nano_cpus.saturating_sub(reserved.nano_cpus);
        self.free_memory_bytes = self.free_memory_bytes.saturating_sub(reserved.memory_bytes);
        self.host_ports.extend(host_ports(task).map(|port| (port.protocol, port.published_port)));
        if is_live(task) {
            self.tasks += 1;
            *self.tasks_of_service.entry(task.service_id.clone()).or_default() += 1;
        }
    }
}

/// What the task is to have for itself.
pub(super) fn reservations(task: &pb::Task) -> pb::Resources {
    let resources = task.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    resources.and_then(|resources| resources.reservations).unwrap_or_default()
}

/// The task's host-mode ports of a number of their own.
pub(super) fn host_ports(task: &pb::Task) -> impl Iterator<Item = &pb::PortConfig> {
    let ports = task.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    ports.filter(|port| port.publish_mode() == PublishMode::Host && port.published_port != 0)
}
