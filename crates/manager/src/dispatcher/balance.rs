//! To which tasks a node may be balancing, as far as this leader knows.

use std::collections::{BTreeMap, BTreeSet};

/// What one node was told to balance to, and what of that it has acknowledged. Outlives the node's sessions: a node goes on
/// balancing without one.
#[derive(Debug, Default)]
pub(super) struct Balance {
    /// Of the assignments last given out; grows over all sessions, so that an acknowledgement means one thing.
    sequence: u64,
    /// Whether the node has acknowledged anything to this leader.
    is_known: bool,
    /// The backends in the newest assignments.
    current: BTreeSet<String>,
    /// Backends of earlier assignments, with the sequence of the first ones without them.
    left: BTreeMap<String, u64>,
}

impl Balance {
    /// Takes note of assignments that are about to be sent; their sequence.
    pub(super) fn sends(&mut self, backends: BTreeSet<String>) -> u64 {
        self.sequence += 1;
        for gone in self.current.difference(&backends) {
            self.left.insert(gone.clone(), self.sequence);
        }
        self.left.retain(|task_id, _| !backends.contains(task_id));
        self.current = backends;
        self.sequence
    }

    /// The node balances by the assignments of this sequence, or by later ones. Whether that is news.
    pub(super) fn applies(&mut self, sequence: u64) -> bool {
        let before = (self.is_known, self.left.len());
        self.is_known |= sequence > 0;
        self.left.retain(|_, without| *without > sequence);
        before != (self.is_known, self.left.len())
    }

    /// Whether the node has acknowledged anything to this leader. Until then it may be balancing to whatever an earlier one
    /// has said.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Whether the node may be balancing to the task, by what this leader has said.
    pub(super) fn may_hold(&self, task_id: &str) -> bool {
        self.current.contains(task_id) || self.left.contains_key(task_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_backend_is_held_until_assignments_without_it_are_acknowledged() {
        let mut balance = Balance::default();
        let first = balance.sends(of(&["a", "b"]));
        assert!(!balance.is_known() && balance.may_hold("a"));
        assert!(balance.applies(first));
        assert!(balance.is_known());
        let second = balance.sends(of(&["b"]));
        let third = balance.sends(of(&["b", "c"]));
        assert!(balance.may_hold("a") && balance.may_hold("b") && balance.may_hold("c"));
        assert!(!balance.applies(first), "nothing new");
        assert!(balance.may_hold("a"));
        assert!(balance.applies(second));
        assert!(!balance.may_hold("a") && balance.may_hold("b"));
        balance.applies(third);
        assert!(!balance.may_hold("a") && balance.may_hold("c"));
    }

    #[test]
    fn one_that_comes_back_is_held_again() {
        let mut balance = Balance::default();
        balance.sends(of(&["a"]));
        let without = balance.sends(of(&[]));
        let again = balance.sends(of(&["a"]));
        balance.applies(without);
        assert!(balance.may_hold("a"));
        balance.applies(again);
        assert!(balance.may_hold("a"), "it is in the newest");
    }
}
