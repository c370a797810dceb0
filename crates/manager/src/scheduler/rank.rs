//! Which of several possible nodes is the best.

use swarm_api::pb;

use super::cluster::Candidate;

/// So many failures of a service make a node the last choice for it, as in swarmkit.
const FAILING: usize = 5;

/// The smaller the better: not failing again and again, fewest tasks of the service, fewest tasks, fewest
/// failures; and then always the same one.
pub(super) fn of<'a>(candidate: &Candidate<'a>, task: &pb::Task) -> (usize, usize, usize, usize, &'a str) {
    let failures = candidate.failures_of(&task.service_id);
    let failing = if failures >= FAILING { failures } else { 0 };
    (failing, candidate.tasks_of(&task.service_id), candidate.tasks, failures, &candidate.node.id)
}
