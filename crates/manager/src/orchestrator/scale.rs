//! Which replicas go when there are too many.

use std::collections::{BTreeMap, HashMap};

use swarm_api::pb::{self, TaskState};

use super::slot::Slot;
use crate::task::{self, Place};

/// The `excess` slots to give up: those that do not run first, then from the nodes with the most of them, then
/// the highest numbers.
pub(super) fn victims(service: &pb::Service, slots: &BTreeMap<Place, Slot>, excess: usize) -> Vec<Place> {
    let mut on_node: HashMap<&str, usize> = HashMap::new();
    let mut candidates = Vec::new();
    for (place, slot) in slots.iter().filter(|(_, slot)| slot.is_taken(service)) {
        let running = slot.live().find(|task| task::state(task) == TaskState::Running);
        // The n-th replica of its node goes before every (n-1)-th: the fullest nodes are relieved first.
        let rank = running.map_or(0, |task| {
            let count = on_node.entry(task.node_id.as_str()).or_default();
            *count += 1;
            *count
        });
        candidates.push((running.is_none(), rank, place));
    }
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    candidates.into_iter().take(excess).map(|(_, _, place)| place.clone()).collect()
}
