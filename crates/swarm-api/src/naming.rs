//! What tasks are called, and which names of networks are taken.

use crate::pb;

/// The replica's number (those of jobs begin at zero); of a task that has none, its node.
#[must_use]
pub fn slot(task: &pb::Task) -> String {
    match task.for_node_id.as_str() {
        "" => task.slot.to_string(),
        node_id => node_id.to_owned(),
    }
}

/// `service.slot.id`, as swarmkit names tasks and their containers. A job's first slot is zero, which counts as none there: such a
/// task is called by its node, as soon as it has one.
#[must_use]
pub fn task(task: &pb::Task) -> String {
    let place = match node_id(task) {
        node_id if task.slot == 0 && !node_id.is_empty() => node_id.to_owned(),
        _ => slot(task),
    };
    format!("{}.{place}.{}", task.service_name, task.id)
}

/// Where the task is, or is to be; empty while nobody knows.
#[must_use]
pub fn node_id(task: &pb::Task) -> &str {
    if task.node_id.is_empty() { &task.for_node_id } else { &task.node_id }
}

/// Whether every node has a network of this name for itself: a service may name it, and none of the swarm's is called so.
#[must_use]
pub fn is_network_of_nodes(name: &str) -> bool {
    matches!(name, "bridge" | "host" | "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_without_a_slot_is_its_nodes() {
        let replica = pb::Task { id: "t".into(), service_name: "web".into(), slot: 2, ..Default::default() };
        assert_eq!(task(&replica), "web.2.t");
        let first_of_job = pb::Task { slot: 0, job_iteration: 1, node_id: "n".into(), ..replica.clone() };
        assert_eq!((task(&first_of_job).as_str(), slot(&first_of_job).as_str()), ("web.n.t", "0"));
        assert_eq!(task(&pb::Task { node_id: String::new(), ..first_of_job }), "web.0.t");
        let global = pb::Task { slot: 0, for_node_id: "n".into(), ..replica };
        assert_eq!((task(&global).as_str(), node_id(&global)), ("web.n.t", "n"));
    }
}
