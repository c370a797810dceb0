//! What is due on this node, as the dispatcher says it: the sequence of messages, and the set they add up
//! to. Pure: the session asks [`Sequence`] whether a message fits, the agent gives it to [`AssignmentSet`].

use std::collections::BTreeMap;

use prost::Message;
use swarm_api::pb;
use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignment_change::Action;
use swarm_api::pb::assignments_message::Type;

/// Watches that no message of the stream is missing.
#[derive(Debug, Default)]
pub struct Sequence {
    last: Option<u64>,
}

impl Sequence {
    /// Whether the message follows what was seen before. After a `false`, ask for a COMPLETE one.
    pub fn accept(&mut self, message: &pb::AssignmentsMessage) -> bool {
        let fits = match message.r#type() {
            Type::Complete => true,
            // Parts have been put together by now.
            Type::Incremental | Type::Part => self.last == Some(message.applies_to),
        };
        self.last = fits.then_some(message.sequence);
        fits
    }
}

/// Bytes of parts that may wait for the message they belong to: some hundreds of secrets and configs of the largest size.
pub(crate) const PARTS_BYTES: usize = 512 << 20;

/// A dispatcher sends more parts of one message than this node takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Puts messages together that came in parts.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    changes: Vec<pb::AssignmentChange>,
    bytes: usize,
}

impl Parts {
    /// The message with the parts that came before it; none if this is a part.
    pub(crate) fn gather(
        &mut self,
        mut message: pb::AssignmentsMessage,
    ) -> Result<Option<pb::AssignmentsMessage>, TooLarge> {
        if message.r#type() == Type::Part {
            self.bytes += message.encoded_len();
            self.changes.append(&mut message.changes);
            return if self.bytes > PARTS_BYTES { Err(TooLarge) } else { Ok(None) };
        }
        let Parts { mut changes, .. } = std::mem::take(self);
        changes.append(&mut message.changes);
        Ok(Some(pb::AssignmentsMessage { changes, ..message }))
    }
}

/// The tasks and ingress ports assigned to this node.
#[derive(Debug, Default)]
pub struct AssignmentSet {
    tasks: BTreeMap<String, pb::Task>,
    ports: BTreeMap<PortKey, pb::IngressPort>,
}

/// What a message changed.
#[derive(Debug, Default, PartialEq)]
pub struct Difference {
    /// New tasks, and tasks whose desired state is another.
    pub updated: Vec<pb::Task>,
    /// Tasks that are no longer assigned.
    pub removed: Vec<String>,
    /// Whether any ingress port or its backends changed.
    pub ports_changed: bool,
}

/// Protocol and published port: one ingress port of the node.
type PortKey = (i32, u32);

impl AssignmentSet {
    /// The set a journal kept.
    pub fn restore(tasks: Vec<pb::Task>, ports: Vec<pb::IngressPort>) -> Self {
        AssignmentSet {
            tasks: tasks.into_iter().map(|task| (task.id.clone(), task)).collect(),
            ports: ports.into_iter().map(|port| (port_key(&port), port)).collect(),
        }
    }

    /// The ingress ports, each with the tasks assigned to it.
    pub fn ports(&self) -> impl Iterator<Item = &pb::IngressPort> {
        self.ports.values()
    }

    /// Whether the task is assigned.
    pub fn contains(&self, task_id: &str) -> bool {
        self.tasks.contains_key(task_id)
    }

    /// Takes one message in. A change without an item, or with one that this node cannot use yet, is passed over.
    pub fn apply(&mut self, message: pb::AssignmentsMessage) -> Difference {
        let mut difference = Difference::default();
        if message.r#type() == Type::Complete {
            self.drop_unnamed(&message, &mut difference);
        }
        for change in message.changes {
            let action = change.action();
            match change.assignment.and_then(|assignment| assignment.item) {
                Some(Item::Task(task)) => self.apply_task(action, task, &mut difference),
                Some(Item::IngressPort(port)) => {
                    difference.ports_changed |= self.apply_port(action, port);
                }
                _ => {}
            }
        }
        difference
    }

    fn drop_unnamed(&mut self, message: &pb::AssignmentsMessage, difference: &mut Difference) {
        let named = AssignmentSet::named(message);
        self.tasks.retain(|id, _| {
            let keep = named.tasks.contains_key(id);
            if !keep {
                difference.removed.push(id.clone());
            }
            keep
        });
        let before = self.ports.len();
        self.ports.retain(|key, _| named.ports.contains_key(key));
        difference.ports_changed |= self.ports.len() != before;
    }

    fn named(message: &pb::AssignmentsMessage) -> AssignmentSet {
        let mut tasks = Vec::new();
        let mut ports = Vec::new();
        for change in message.changes.iter().filter(|change| change.action() == Action::Update) {
            match change.assignment.as_ref().and_then(|assignment| assignment.item.as_ref()) {
                Some(Item::Task(task)) => tasks.push(task.clone()),
                Some(Item::IngressPort(port)) => ports.push(port.clone()),
                _ => {}
            }
        }
        AssignmentSet::restore(tasks, ports)
    }

    fn apply_task(&mut self, action: Action, task: pb::Task, difference: &mut Difference) {
        match action {
            Action::Update => {
                let known = self.tasks.get(&task.id).map(|known| known.desired_state);
                if known != Some(task.desired_state) {
                    difference.updated.push(task.clone());
                    self.tasks.insert(task.id.clone(), task);
                }
            }
            Action::Remove => {
                if self.tasks.remove(&task.id).is_some() {
                    difference.removed.push(task.id);
                }
            }
        }
    }

    fn apply_port(&mut self, action: Action, port: pb::IngressPort) -> bool {
        let key = port_key(&port);
        match action {
            Action::Update => self.ports.insert(key, port.clone()).as_ref() != Some(&port),
            Action::Remove => self.ports.remove(&key).is_some(),
        }
    }
}

fn port_key(port: &pb::IngressPort) -> PortKey {
    port.port.as_ref().map_or((0, 0), |port| (port.protocol, port.published_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(
        r#type: Type,
        applies_to: u64,
        sequence: u64,
        tasks: &[(&str, Action)],
    ) -> pb::AssignmentsMessage {
        let changes = tasks
            .iter()
            .map(|(id, action)| pb::AssignmentChange {
                action: *action as i32,
                assignment: Some(pb::Assignment {
                    item: Some(Item::Task(pb::Task { id: (*id).to_owned(), ..Default::default() })),
                }),
            })
            .collect();
        pb::AssignmentsMessage { r#type: r#type as i32, applies_to, sequence, changes }
    }

    #[test]
    fn a_gap_in_the_sequence_is_noticed_until_the_next_complete() {
        let mut sequence = Sequence::default();
        assert!(!sequence.accept(&message(Type::Incremental, 0, 1, &[])), "nothing came before");
        assert!(sequence.accept(&message(Type::Complete, 0, 5, &[])));
        assert!(sequence.accept(&message(Type::Incremental, 5, 6, &[])));
        assert!(!sequence.accept(&message(Type::Incremental, 7, 8, &[])));
        assert!(!sequence.accept(&message(Type::Incremental, 8, 9, &[])), "still out of step");
        assert!(sequence.accept(&message(Type::Complete, 0, 9, &[])));
    }

    #[test]
    fn parts_come_before_what_they_belong_to() {
        let mut parts = Parts::default();
        let gathered = |parts: &mut Parts, kind, ids: &[(&str, Action)]| {
            let message = parts.gather(message(kind, 0, 1, ids)).expect("small")?;
            Some((message.r#type(), message.changes.len()))
        };
        assert_eq!(gathered(&mut parts, Type::Part, &[("a", Action::Update)]), None);
        assert_eq!(gathered(&mut parts, Type::Part, &[("b", Action::Update)]), None);
        assert_eq!(gathered(&mut parts, Type::Complete, &[("c", Action::Update)]), Some((Type::Complete, 3)));
        assert_eq!(gathered(&mut parts, Type::Incremental, &[]), Some((Type::Incremental, 0)));
    }

    #[test]
    fn a_complete_message_removes_what_it_does_not_name() {
        let mut set = AssignmentSet::default();
        set.apply(message(Type::Complete, 0, 1, &[("a", Action::Update), ("b", Action::Update)]));
        let difference = set.apply(message(Type::Complete, 0, 2, &[("b", Action::Update)]));
        assert_eq!(difference.removed, ["a"]);
        assert!(difference.updated.is_empty(), "b is as it was");
        assert!(!set.contains("a") && set.contains("b"));
    }

    #[test]
    fn an_incremental_message_touches_only_what_it_names() {
        let mut set = AssignmentSet::default();
        set.apply(message(Type::Complete, 0, 1, &[("a", Action::Update)]));
        let difference =
            set.apply(message(Type::Incremental, 1, 2, &[("b", Action::Update), ("c", Action::Remove)]));
        assert_eq!(difference.updated.len(), 1);
        assert!(difference.removed.is_empty(), "an unknown task cannot be removed");
        assert!(set.contains("a") && set.contains("b"));
    }
}
