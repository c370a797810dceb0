//! What is due on a node, and the stream that keeps its agent at it: all of it first, then only differences.

use std::collections::BTreeMap;
use std::sync::Arc;

use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignment_change::Action;
use swarm_api::pb::assignments_message::Type;
use swarm_api::pb::{self, PublishMode, TaskState};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::store::{Notice, Object, Store, View};
use crate::task;

/// Everything due on one node.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Due {
    tasks: BTreeMap<String, Arc<pb::Task>>,
    /// By protocol and published port.
    ports: BTreeMap<(i32, u32), pb::IngressPort>,
}

/// Streams to the agent of `node_id` what is due on it, until its session is over or nobody listens.
pub(super) async fn stream(
    store: Store,
    node_id: String,
    over: CancellationToken,
    out: mpsc::Sender<Result<pb::AssignmentsMessage, Status>>,
) {
    let mut subscription = store.subscribe();
    let mut sent = Due::of(&store.view(), &node_id);
    let mut sequence = 1;
    let changes = difference(&Due::default(), &sent);
    let first = pb::AssignmentsMessage { r#type: Type::Complete.into(), applies_to: 0, sequence, changes };
    if !deliver(&out, first, &over).await {
        return;
    }
    loop {
        let notice = tokio::select! {
            () = over.cancelled() => return,
            () = out.closed() => return,
            notice = subscription.next() => notice,
        };
        let mut matters = false;
        let mut next = Some(notice);
        while let Some(notice) = next {
            matters |= match notice {
                Notice::Changed(change) => {
                    change.events.iter().any(|event| is_of_node(event.object(), &node_id))
                }
                Notice::Rescan => true,
                Notice::Closed => return,
            };
            next = subscription.try_next();
        }
        if !matters {
            continue;
        }
        let due = Due::of(&store.view(), &node_id);
        let changes = difference(&sent, &due);
        if changes.is_empty() {
            continue;
        }
        let message = pb::AssignmentsMessage {
            r#type: Type::Incremental.into(),
            applies_to: sequence,
            sequence: sequence + 1,
            changes,
        };
        sequence += 1;
        sent = due;
        if !deliver(&out, message, &over).await {
            return;
        }
    }
}

/// Hands a message over; false when nobody will read it. An agent that does not read holds up its own stream alone.
async fn deliver(
    out: &mpsc::Sender<Result<pb::AssignmentsMessage, Status>>,
    message: pb::AssignmentsMessage,
    over: &CancellationToken,
) -> bool {
    tokio::select! {
        () = over.cancelled() => false,
        sent = out.send(Ok(message)) => sent.is_ok(),
    }
}

fn is_of_node(object: &Object, node_id: &str) -> bool {
    matches!(object, Object::Task(task) if task.node_id == node_id)
}

impl Due {
    /// What the view holds for the node: every task that was placed on it and whose record exists, finished
    /// ones too, so that their containers stay as long as their history. What was given up is not due.
    pub(super) fn of(view: &View, node_id: &str) -> Due {
        let tasks = view.tasks_of_node(node_id);
        let tasks = tasks.filter(|task| task::state(task) != TaskState::Orphaned);
        let tasks: BTreeMap<_, _> = tasks.map(|task| (task.id.clone(), Arc::clone(task))).collect();
        let ports = ingress_ports(tasks.values());
        Due { tasks, ports }
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

/// What an agent that has `sent` must hear to have `due`. A changed status alone is the agent's own doing.
pub(super) fn difference(sent: &Due, due: &Due) -> Vec<pb::AssignmentChange> {
    let mut changes = Vec::new();
    for (id, task) in &due.tasks {
        if sent.tasks.get(id).map(|sent| sent.desired_state) != Some(task.desired_state) {
            changes.push(change(Action::Update, Item::Task(pb::Task::clone(task))));
        }
    }
    for id in sent.tasks.keys().filter(|id| !due.tasks.contains_key(*id)) {
        changes.push(change(Action::Remove, Item::Task(pb::Task { id: id.clone(), ..Default::default() })));
    }
    for (key, port) in &due.ports {
        if sent.ports.get(key) != Some(port) {
            changes.push(change(Action::Update, Item::IngressPort(port.clone())));
        }
    }
    for (_, port) in sent.ports.iter().filter(|(key, _)| !due.ports.contains_key(key)) {
        changes.push(change(Action::Remove, Item::IngressPort(port.clone())));
    }
    changes
}

fn change(action: Action, item: Item) -> pb::AssignmentChange {
    pb::AssignmentChange { action: action.into(), assignment: Some(pb::Assignment { item: Some(item) }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action, Publisher, State, Transaction, apply};

    fn put(state: &mut State, publisher: &Publisher, index: u64, task: pb::Task) {
        let events = apply(state, Transaction::one(Action::put(task)), 0, index).unwrap();
        publisher.publish(state, events);
    }

    fn task(id: u64) -> pb::Task {
        let desired_state = TaskState::Running.into();
        pb::Task { id: format!("t{id:05}"), node_id: "n".to_owned(), desired_state, ..Default::default() }
    }

    #[tokio::test]
    async fn a_slow_agent_misses_nothing_and_holds_nobody_up() {
        const CHANGES: u64 = 2000;
        let (publisher, store) = Publisher::new(State::default());
        let (out, mut messages) = mpsc::channel(1);
        let streaming = tokio::spawn(stream(store, "n".to_owned(), CancellationToken::new(), out));
        let mut state = State::default();
        for index in 1..=CHANGES {
            put(&mut state, &publisher, index, task(index));
            if index % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut last = None;
        let (mut tasks, mut count) = (0, 0);
        while tasks < CHANGES {
            let message = messages.recv().await.unwrap().unwrap();
            match message.r#type() {
                Type::Complete => assert_eq!(last, None, "all of it comes once"),
                Type::Incremental => assert_eq!(last, Some(message.applies_to), "no gap"),
                Type::Part => panic!("nothing here is large"),
            }
            last = Some(message.sequence);
            tasks += u64::try_from(message.changes.len()).unwrap();
            count += 1;
        }
        assert_eq!(tasks, CHANGES, "nothing is told twice");
        assert!(count < 10, "what gathered comes in few messages, not {count}");
        drop(messages);
        streaming.await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_session() {
        let (_publisher, store) = Publisher::new(State::default());
        let over = CancellationToken::new();
        let (out, mut messages) = mpsc::channel(1);
        let streaming = tokio::spawn(stream(store, "n".to_owned(), over.clone(), out));
        assert!(messages.recv().await.is_some());
        over.cancel();
        streaming.await.unwrap();
        assert!(messages.recv().await.is_none());
    }
}
