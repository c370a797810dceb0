//! Everything due on one node, and what an agent must hear of it. Pure.
//!
//! Of secrets, configs and registry credentials a node gets those that its tasks need and no other, and loses them when no
//! task of its own needs them any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prost::Message;
use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignment_change::Action;
use swarm_api::pb::assignments_message::Type;
use swarm_api::pb::{self, PublishMode, TaskState};

use crate::store::{Event, Object, View};
use crate::task;

/// Bytes of changes in one message; more come in parts before it.
const MESSAGE_BYTES: usize = 2 << 20;

/// Everything due on one node.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Due {
    tasks: BTreeMap<String, Arc<pb::Task>>,
    /// By protocol and published port.
    ports: BTreeMap<(i32, u32), pb::IngressPort>,
    secrets: BTreeMap<String, Arc<pb::Secret>>,
    configs: BTreeMap<String, Arc<pb::Config>>,
    /// By service.
    credentials: BTreeMap<String, pb::RegistryCredentials>,
}

/// Whether a change may make something else due on the node.
pub(super) fn concerns(event: &Event, node_id: &str) -> bool {
    match event {
        Event::Updated { old: Object::Service(old), new: Object::Service(new) } => {
            old.registry_auth != new.registry_auth
        }
        event => matches!(event.object(), Object::Task(task) if task.node_id == node_id),
    }
}

impl Due {
    /// What the view holds for the node: every task that was placed on it and whose record exists, finished
    /// ones too, so that their containers stay as long as their history. What was given up is not due.
    pub(super) fn of(view: &View, node_id: &str) -> Due {
        let tasks = view.tasks_of_node(node_id);
        let tasks = tasks.filter(|task| task::state(task) != TaskState::Orphaned);
        let tasks: BTreeMap<_, _> = tasks.map(|task| (task.id.clone(), Arc::clone(task))).collect();
        let mut due = Due { ports: ingress_ports(tasks.values()), ..Due::default() };
        for task in tasks.values().filter(|task| task::is_to_go_on(task) && !task::is_over(task)) {
            due.add_needs(view, task);
        }
        Due { tasks, ..due }
    }

    /// The tasks that the node is to balance to.
    pub(super) fn backends(&self) -> BTreeSet<String> {
        self.ports.values().flat_map(|port| port.task_ids.iter().cloned()).collect()
    }

    fn add_needs(&mut self, view: &View, task: &pb::Task) {
        let container = task.spec.as_ref().and_then(|spec| spec.container.as_ref());
        for reference in container.map_or(&[][..], |container| &container.secrets) {
            if let Some(secret) = view.secret(&reference.id) {
                self.secrets.entry(secret.id.clone()).or_insert_with(|| Arc::clone(secret));
            }
        }
        for reference in container.map_or(&[][..], |container| &container.configs) {
            if let Some(config) = view.config(&reference.id) {
                self.configs.entry(config.id.clone()).or_insert_with(|| Arc::clone(config));
            }
        }
        let service = view.service(&task.service_id);
        if let Some(credentials) = service.and_then(|service| service.registry_auth.clone()) {
            self.credentials.insert(task.service_id.clone(), credentials);
        }
    }
}

/// The ingress ports of the services with tasks on this node, with those tasks that run as backends.
fn ingress_ports<'a>(
    tasks: impl Iterator<Item = &'a Arc<pb::Task>>,
) -> BTreeMap<(i32, u32), pb::IngressPort> {
    let mut live: Vec<&Arc<pb::Task>> =
        tasks.filter(|task| task::is_live(task) && !task::is_over(task)).collect();
    // While ports change by an update, the newest spec that runs says where they lead.
    let runs = |task: &pb::Task| task::state(task) == TaskState::Running;
    live.sort_by_key(|task| (std::cmp::Reverse((runs(task), task.spec_version)), task.id.clone()));
    let mut ports: BTreeMap<(i32, u32), pb::IngressPort> = BTreeMap::new();
    for task in live {
        let published = task.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
        for port in published.filter(|port| port.publish_mode() == PublishMode::Ingress) {
            let entry =
                ports.entry((port.protocol, port.published_port)).or_insert_with(|| pb::IngressPort {
                    service_id: task.service_id.clone(),
                    port: Some(port.clone()),
                    task_ids: Vec::new(),
                });
            if runs(task) && entry.port.as_ref() == Some(port) {
                entry.task_ids.push(task.id.clone());
            }
        }
    }
    ports
}

/// What an agent that has `sent` must hear to have `due`, in the order in which it needs it: a task comes after what it needs.
pub(super) fn difference(sent: &Due, due: &Due) -> Vec<pb::AssignmentChange> {
    let mut changes = needs(sent, due);
    // A changed status alone is the agent's own doing.
    for (id, task) in &due.tasks {
        if sent.tasks.get(id).map(|sent| sent.desired_state) != Some(task.desired_state) {
            changes.push(change(Action::Update, Item::Task(pb::Task::clone(task))));
        }
    }
    for id in gone(&sent.tasks, &due.tasks) {
        changes.push(change(Action::Remove, Item::Task(pb::Task { id, ..Default::default() })));
    }
    for (key, port) in &due.ports {
        if sent.ports.get(key) != Some(port) {
            changes.push(change(Action::Update, Item::IngressPort(port.clone())));
        }
    }
    for (_, port) in sent.ports.iter().filter(|(key, _)| !due.ports.contains_key(key)) {
        changes.push(change(Action::Remove, Item::IngressPort(port.clone())));
    }
    for id in gone(&sent.secrets, &due.secrets) {
        changes.push(change(Action::Remove, Item::Secret(pb::Secret { id, ..Default::default() })));
    }
    for id in gone(&sent.configs, &due.configs) {
        changes.push(change(Action::Remove, Item::Config(pb::Config { id, ..Default::default() })));
    }
    for service_id in gone(&sent.credentials, &due.credentials) {
        let auth = pb::RegistryAuth { service_id, credentials: None };
        changes.push(change(Action::Remove, Item::RegistryAuth(auth)));
    }
    changes
}

/// What tasks need and the agent does not have. What a secret or a config holds never changes.
fn needs(sent: &Due, due: &Due) -> Vec<pb::AssignmentChange> {
    let mut changes = Vec::new();
    for (id, secret) in &due.secrets {
        if !sent.secrets.contains_key(id) {
            changes.push(change(Action::Update, Item::Secret(pb::Secret::clone(secret))));
        }
    }
    for (id, config) in &due.configs {
        if !sent.configs.contains_key(id) {
            changes.push(change(Action::Update, Item::Config(pb::Config::clone(config))));
        }
    }
    for (service_id, credentials) in &due.credentials {
        if sent.credentials.get(service_id) != Some(credentials) {
            let (service_id, credentials) = (service_id.clone(), Some(credentials.clone()));
            let auth = pb::RegistryAuth { service_id, credentials };
            changes.push(change(Action::Update, Item::RegistryAuth(auth)));
        }
    }
    changes
}

fn gone<T>(sent: &BTreeMap<String, T>, due: &BTreeMap<String, T>) -> Vec<String> {
    sent.keys().filter(|id| !due.contains_key(*id)).cloned().collect()
}

fn change(action: Action, item: Item) -> pb::AssignmentChange {
    pb::AssignmentChange { action: action.into(), assignment: Some(pb::Assignment { item: Some(item) }) }
}

/// The message, in parts where it would be too large in one.
pub(super) fn parts(mut message: pb::AssignmentsMessage) -> Vec<pb::AssignmentsMessage> {
    let mut messages = Vec::new();
    let mut part = Vec::new();
    let mut bytes = 0;
    for change in std::mem::take(&mut message.changes) {
        let size = change.encoded_len();
        if bytes + size > MESSAGE_BYTES && !part.is_empty() {
            let changes = std::mem::take(&mut part);
            messages.push(pb::AssignmentsMessage { r#type: Type::Part.into(), changes, ..message.clone() });
            bytes = 0;
        }
        bytes += size;
        part.push(change);
    }
    messages.push(pb::AssignmentsMessage { changes: part, ..message });
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action as StoreAction, State, Transaction, apply};

    fn file(data: usize) -> Option<pb::FileSpec> {
        Some(pb::FileSpec { data: vec![7; data], ..Default::default() })
    }

    fn secret(id: &str) -> pb::Secret {
        let annotations = Some(pb::Annotations { name: id.to_owned(), ..Default::default() });
        pb::Secret {
            id: id.to_owned(),
            spec: file(3).map(|spec| pb::FileSpec { annotations, ..spec }),
            meta: None,
        }
    }

    fn task(id: &str, node_id: &str, secret: &str, desired: TaskState) -> pb::Task {
        let secrets = vec![pb::FileReference { id: secret.to_owned(), ..Default::default() }];
        let container = pb::ContainerSpec { secrets, ..Default::default() };
        pb::Task {
            id: id.to_owned(),
            node_id: node_id.to_owned(),
            service_id: format!("of-{secret}"),
            desired_state: desired.into(),
            spec: Some(pb::TaskSpec { container: Some(container), ..Default::default() }),
            ..Default::default()
        }
    }

    fn service(id: &str, header: &str) -> pb::Service {
        let registry_auth = Some(pb::RegistryCredentials { header: header.to_owned() });
        let annotations = Some(pb::Annotations { name: id.to_owned(), ..Default::default() });
        let spec = Some(pb::ServiceSpec { annotations, ..Default::default() });
        pb::Service { id: id.to_owned(), registry_auth, spec, ..Default::default() }
    }

    fn view(objects: Vec<Object>) -> View {
        let mut state = State::default();
        let all: Transaction = objects.into_iter().map(StoreAction::Put).collect();
        apply(&mut state, all, 0, 1).unwrap();
        View::from(state)
    }

    /// `+` and `-`, then the kind and the id.
    fn told(changes: &[pb::AssignmentChange]) -> Vec<String> {
        let words = |change: &pb::AssignmentChange| {
            let sign = if change.action() == Action::Update { '+' } else { '-' };
            let name = match change.assignment.clone().unwrap().item.unwrap() {
                Item::Task(task) => format!("task {}", task.id),
                Item::Secret(secret) => format!("secret {}", secret.id),
                Item::RegistryAuth(auth) => format!("auth {}", auth.service_id),
                other => panic!("{other:?}"),
            };
            format!("{sign}{name}")
        };
        changes.iter().map(words).collect()
    }

    #[test]
    fn a_node_gets_what_its_tasks_need_before_them_and_nothing_else() {
        let all = |desired: TaskState| {
            view(vec![
                secret("mine").into(),
                secret("theirs").into(),
                secret("nobodys").into(),
                secret("ended").into(),
                service("of-mine", "x").into(),
                service("of-theirs", "y").into(),
                task("a", "n", "mine", desired).into(),
                task("b", "n", "mine", desired).into(),
                task("c", "elsewhere", "theirs", TaskState::Running).into(),
                task("d", "n", "ended", TaskState::Shutdown).into(),
            ])
        };
        let running = Due::of(&all(TaskState::Running), "n");
        let want = ["+secret mine", "+auth of-mine", "+task a", "+task b", "+task d"];
        assert_eq!(told(&difference(&Due::default(), &running)), want);
        assert!(difference(&running, &running).is_empty());

        let stopping = Due::of(&all(TaskState::Shutdown), "n");
        let want = ["+task a", "+task b", "-secret mine", "-auth of-mine"];
        assert_eq!(told(&difference(&running, &stopping)), want);
        assert!(
            told(&difference(&running, &Due::of(&all(TaskState::Running), "other")))
                .contains(&"-secret mine".into())
        );
    }

    #[test]
    fn new_credentials_reach_the_nodes_that_have_the_old_ones() {
        let with = |header: &str| {
            let tasks = task("a", "n", "mine", TaskState::Running);
            Due::of(&view(vec![service("of-mine", header).into(), tasks.into()]), "n")
        };
        assert_eq!(told(&difference(&with("old"), &with("new"))), ["+auth of-mine"]);
        let updated = |old: &str, new: &str| Event::Updated {
            old: service("s", old).into(),
            new: service("s", new).into(),
        };
        assert!(concerns(&updated("old", "new"), "n") && !concerns(&updated("old", "old"), "n"));
    }

    #[test]
    fn what_is_large_comes_in_parts() {
        let large =
            || change(Action::Update, Item::Config(pb::Config { spec: file(900_000), ..Default::default() }));
        let changes = vec![large(), large(), large(), large(), large()];
        let message = pb::AssignmentsMessage { sequence: 7, changes, ..Default::default() };
        let messages = parts(message);
        let shape: Vec<_> =
            messages.iter().map(|part| (part.r#type(), part.sequence, part.changes.len())).collect();
        assert_eq!(shape, [(Type::Part, 7, 2), (Type::Part, 7, 2), (Type::Complete, 7, 1)]);
        assert!(messages.iter().all(|part| part.encoded_len() < MESSAGE_BYTES + 1000));
        assert_eq!(parts(pb::AssignmentsMessage::default()).len(), 1, "an empty message is sent too");
    }
}
