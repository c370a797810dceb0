//! Which of several possible nodes is the best.

use std::collections::HashMap;

use swarm_api::pb;

use super::attribute;
use super::cluster::{Candidates, Share};

/// So many failures of a spec make a node the last choice for it, as in swarmkit.
const FAILING: usize = 5;

/// How the nodes divide by the values of the attributes that a service is spread over; by the second attribute within each
/// value of the first, and so on. A branch is a number.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// Of each candidate: its branch at each depth.
    of_node: Vec<Vec<usize>>,
    count: usize,
}

impl Branches {
    pub(super) fn of(candidates: &Candidates<'_>, spread: &[String]) -> Self {
        if spread.is_empty() {
            return Branches::default();
        }
        let mut known: HashMap<Vec<&str>, usize> = HashMap::new();
        let mut of_node = Vec::new();
        for candidate in candidates.nodes() {
            let mut path = Vec::new();
            let mut branches = Vec::new();
            for key in spread {
                // A key that does not exist divides nothing; control refuses it.
                path.push(attribute::of(key, candidate.node).unwrap_or(""));
                let next = known.len();
                branches.push(*known.entry(path.clone()).or_insert(next));
            }
            of_node.push(branches);
        }
        Branches { of_node, count: known.len() }
    }

    /// The service's tasks on each branch, on all nodes, those too that it cannot go to: a rack that has its share keeps it.
    pub(super) fn tasks(&self, share: &Share) -> Vec<usize> {
        let mut tasks = vec![0; self.count];
        for (branches, there) in self.of_node.iter().zip(&share.tasks) {
            branches.iter().for_each(|branch| tasks[*branch] += there);
        }
        tasks
    }
}

/// The smaller the better: neither rejecting such tasks nor failing again and again, fewest tasks of the service on its branch,
/// fewest tasks of it, fewest tasks, fewest failures; and then the first. `tasks`: those of the service on each branch.
pub(super) fn of(
    place: usize,
    candidates: &Candidates<'_>,
    (task, share): (&pb::Task, &Share),
    (branches, tasks): (&Branches, &[usize]),
) -> (usize, Vec<usize>, usize, usize, usize) {
    let failures = share.failures(place, task);
    let is_failing = failures.is_rejected || failures.count >= FAILING;
    let failing = if is_failing { failures.count } else { 0 };
    let own = branches.of_node.get(place).map_or(&[][..], |branches| branches);
    let branch = own.iter().map(|branch| tasks[*branch]).collect();
    (failing, branch, share.tasks[place], candidates.nodes()[place].tasks, failures.count)
}
