//! What a task is called.

use crate::pb;

/// The replica's number; of a task that has none, its node.
#[must_use]
pub fn slot(task: &pb::Task) -> String {
    match task.slot {
        0 => task.node_id.clone(),
        number => number.to_string(),
    }
}

/// `service.slot.id`, as swarmkit names tasks and their containers.
#[must_use]
pub fn task(task: &pb::Task) -> String {
    format!("{}.{}.{}", task.service_name, slot(task), task.id)
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
    }
}
