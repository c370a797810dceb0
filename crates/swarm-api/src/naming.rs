//! What a task is called.

use crate::pb;

/// The replica's number; of a task that has none, its node.
#[must_use]
pub fn slot(task: &pb::Task) -> String {
    match task.slot {
        0 => node_id(task).to_owned(),
        number => number.to_string(),
    }
}

/// `service.slot.id`, as swarmkit names tasks and their containers.
#[must_use]
pub fn task(task: &pb::Task) -> String {
    format!("{}.{}.{}", task.service_name, slot(task), task.id)
}

/// Where the task is, or is to be; empty while nobody knows.
#[must_use]
pub fn node_id(task: &pb::Task) -> &str {
    if task.node_id.is_empty() { &task.for_node_id } else { &task.node_id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_without_a_slot_is_its_nodes() {
        let mut named = pb::Task {
            id: "t".into(),
            service_name: "web".into(),
            slot: 2,
            node_id: "n".into(),
            ..Default::default()
        };
        assert_eq!(task(&named), "web.2.t");
        named.slot = 0;
        assert_eq!(task(&named), "web.n.t");
        let waiting = pb::Task { node_id: String::new(), for_node_id: "m".into(), ..named };
        assert_eq!(task(&waiting), "web.m.t");
    }
}
