//! The orchestrator against a simulated world: every task on a live node becomes what is desired of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use swarm_api::default;
use swarm_api::pb::{self, NodeAvailability, NodeState, TaskState};

use crate::node;
use crate::orchestrator::Orchestrator;
use crate::reconcile::Planner;
use crate::store::{Action, State, Transaction, View, apply};
use crate::task::{self, is_live, is_over};

pub(super) const SECOND: i64 = 1_000_000_000;

pub(super) struct World {
    pub(super) state: State,
    pub(super) now_ns: i64,
    /// When the manager that plans became the leader.
    pub(super) leads_since_ns: i64,
}

impl World {
    pub(super) fn new(nodes: usize, spec: pb::ServiceSpec) -> World {
        let mut world = World { state: State::default(), now_ns: SECOND, leads_since_ns: 0 };
        (0..nodes).for_each(|number| world.add_node(number));
        let runs = u64::from(default::is_job(&spec));
        world.put(pb::Service {
            id: "s".into(),
            spec: Some(spec),
            job_iteration: runs,
            job_started_at_ns: world.now_ns,
            ..Default::default()
        });
        world
    }

    pub(super) fn add_node(&mut self, number: usize) {
        let status = Some(pb::NodeStatus { state: NodeState::Ready.into(), ..Default::default() });
        let spec = Some(pb::NodeSpec::default());
        self.put(pb::Node { id: format!("n{number}"), spec, status, ..Default::default() });
    }

    pub(super) fn put(&mut self, object: impl Into<crate::store::Object>) {
        self.apply(vec![Action::put(object)]);
    }

    pub(super) fn apply(&mut self, actions: Vec<Action>) {
        let index = self.state.index() + 1;
        apply(&mut self.state, Transaction { actions }, self.now_ns, index).unwrap();
    }

    pub(super) fn view(&self) -> View {
        View::from(self.state.clone())
    }

    pub(super) fn service(&self) -> Arc<pb::Service> {
        Arc::clone(self.state.service("s").unwrap())
    }

    pub(super) fn update(&mut self, change: impl FnOnce(&mut pb::ServiceSpec)) {
        let mut service = pb::Service::clone(&self.service());
        service.previous_spec.clone_from(&service.spec);
        change(service.spec.as_mut().unwrap());
        service.update_status = None;
        if default::is_job(service.spec.as_ref().unwrap()) {
            service.job_iteration += 1;
            service.job_started_at_ns = self.now_ns.max(node::youngest_ns(&self.view()));
        }
        self.put(service);
    }

    pub(super) fn orchestrator(&self) -> Orchestrator {
        Orchestrator { leads_since_ns: self.leads_since_ns }
    }

    /// One plan of the orchestrator. Whether there was anything to do.
    pub(super) fn plan(&mut self) -> bool {
        let planned = self.orchestrator().plan(&self.view(), &BTreeSet::from(["s".to_owned()]), self.now_ns);
        let some = !planned.actions.is_empty();
        self.apply(planned.actions);
        some
    }

    /// The rest of the cluster: tasks get nodes, and agents of live nodes do as they are told.
    pub(super) fn obey(&mut self) -> bool {
        let view = self.view();
        let up: Vec<_> = view.nodes().filter(|node| !node::is_to_be_left(&view, &node.id)).collect();
        let mut changed = Vec::new();
        for (number, task) in view.tasks().enumerate() {
            let mut next = pb::Task::clone(task);
            if task.node_id.is_empty() {
                let meant =
                    |node: &&&Arc<pb::Node>| task.for_node_id.is_empty() || task.for_node_id == node.id;
                let fit: Vec<_> = up.iter().filter(meant).collect();
                let Some(node) = fit.get(number % fit.len().max(1)).filter(|_| is_live(task)) else {
                    continue;
                };
                next.node_id.clone_from(&node.id);
                let asked = self.service().spec.as_ref().and_then(|spec| spec.endpoint.clone());
                let ports = asked.clone().unwrap_or_default().ports;
                next.endpoint = Some(pb::Endpoint { spec: asked, ports, ..Default::default() });
            }
            if node::is_lost(&view, &next.node_id) || is_over(task) {
                continue;
            }
            let state = match task.desired_state() {
                TaskState::Ready => TaskState::Ready,
                TaskState::Running | TaskState::Leaving => TaskState::Running,
                _ => TaskState::Shutdown,
            };
            if task::state(task) != state {
                next = task::with_status(&next, status(state), self.now_ns);
            }
            if task.desired_state() == TaskState::Leaving && task.left_at_ns == 0 {
                next.left_at_ns = self.now_ns;
            }
            if next != **task {
                changed.push(Action::put(next));
            }
        }
        let some = !changed.is_empty();
        self.apply(changed);
        some
    }

    /// Everybody acts until nobody has anything to do; time passes when only that helps.
    pub(super) fn settle(&mut self) {
        for _ in 0..500 {
            let planned = self.plan();
            assert!(planned || self.running().len() <= self.live());
            if !self.obey() && !planned {
                self.now_ns += SECOND;
                if !self.plan() && !self.obey() && !self.later() {
                    return;
                }
            }
        }
        panic!("the world does not come to rest: {:#?}", self.state.tasks().collect::<Vec<_>>());
    }

    pub(super) fn later(&mut self) -> bool {
        self.now_ns += 120 * SECOND;
        self.plan()
    }

    pub(super) fn live(&self) -> usize {
        self.state.tasks_of_service("s").filter(|task| is_live(task)).count()
    }

    pub(super) fn running(&self) -> Vec<Arc<pb::Task>> {
        let view = self.view();
        let runs = |task: &&Arc<pb::Task>| is_live(task) && task::state(task) == TaskState::Running;
        view.tasks_of_service("s").filter(runs).cloned().collect()
    }

    pub(super) fn end(&mut self, task: &pb::Task, state: TaskState) {
        let task = task::with_status(self.state.task(&task.id).unwrap(), status(state), self.now_ns);
        self.put(task);
    }

    pub(super) fn set_node(&mut self, number: usize, state: NodeState, availability: NodeAvailability) {
        let mut node = pb::Node::clone(self.state.node(&format!("n{number}")).unwrap());
        node.status.get_or_insert_default().set_state(state);
        node.spec.get_or_insert_default().set_availability(availability);
        self.put(node);
    }

    pub(super) fn set_label(&mut self, number: usize, key: &str, value: &str) {
        let mut node = pb::Node::clone(self.state.node(&format!("n{number}")).unwrap());
        let annotations = node.spec.get_or_insert_default().annotations.get_or_insert_default();
        annotations.labels.insert(key.to_owned(), value.to_owned());
        self.put(node);
    }

    pub(super) fn remove_node(&mut self, number: usize) {
        let node = self.state.node(&format!("n{number}")).unwrap();
        self.apply(vec![Action::delete(Arc::clone(node))]);
    }

    pub(super) fn update_status(&self) -> pb::UpdateStatus {
        self.service().update_status.clone().unwrap_or_default()
    }
}

fn status(state: TaskState) -> pb::TaskStatus {
    pb::TaskStatus { state: state.into(), ..Default::default() }
}

pub(super) fn spec(replicas: u64) -> pb::ServiceSpec {
    pb::ServiceSpec {
        task: Some(pb::TaskSpec {
            container: Some(pb::ContainerSpec { image: "web".into(), ..Default::default() }),
            ..Default::default()
        }),
        mode: default::replicated(replicas),
        ..Default::default()
    }
}

pub(super) fn set_image(spec: &mut pb::ServiceSpec, image: &str) {
    spec.task.as_mut().unwrap().container.as_mut().unwrap().image = image.into();
}

pub(super) fn policy(spec: &mut pb::ServiceSpec) -> &mut pb::RestartPolicy {
    spec.task.as_mut().unwrap().restart.get_or_insert_default()
}
