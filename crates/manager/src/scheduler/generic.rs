//! Generic resources: things that nodes say they have, by name (`GPU=UUID1`) or by number (`SSD=3`), and that tasks get for
//! themselves. Tasks ask for a number of a kind; of named things the scheduler picks.

use std::collections::{BTreeMap, BTreeSet};

use swarm_api::pb;

/// What of a node is nobody's.
#[derive(Clone, Debug, Default)]
pub(super) struct Free {
    named: BTreeMap<String, BTreeSet<String>>,
    counted: BTreeMap<String, i64>,
}

impl Free {
    /// All that a node says it has.
    pub(super) fn of(told: &[pb::GenericResource]) -> Self {
        let mut free = Free::default();
        for pb::GenericResource { kind, value, count } in told {
            if value.is_empty() {
                let sum = free.counted.entry(kind.clone()).or_default();
                *sum = sum.saturating_add(*count);
            } else {
                free.named.entry(kind.clone()).or_default().insert(value.clone());
            }
        }
        free
    }

    /// Takes away what a task has. More may be gone than there was, when a node tells of less than before.
    pub(super) fn take(&mut self, assigned: &[pb::GenericResource]) {
        for pb::GenericResource { kind, value, count } in assigned {
            if value.is_empty() {
                let left = self.counted.entry(kind.clone()).or_default();
                *left = left.saturating_sub(*count);
            } else if let Some(names) = self.named.get_mut(kind) {
                names.remove(value);
            }
        }
    }

    /// What would be the task's, in no way that `take` has not been told of; `None` when there is not enough.
    pub(super) fn claim(&self, wanted: &[pb::GenericResource]) -> Option<Vec<pb::GenericResource>> {
        let mut claimed = Vec::new();
        for (kind, count) in by_kind(wanted) {
            let names = self.named.get(kind);
            let enough =
                usize::try_from(count).is_ok_and(|count| names.is_some_and(|names| names.len() >= count));
            if enough {
                let picked = names.into_iter().flatten().take(usize::try_from(count).unwrap_or_default());
                claimed.extend(picked.map(|name| pb::GenericResource {
                    kind: kind.to_owned(),
                    value: name.clone(),
                    count: 0,
                }));
            } else if self.counted.get(kind).is_some_and(|left| *left >= count) {
                claimed.push(pb::GenericResource { kind: kind.to_owned(), value: String::new(), count });
            } else {
                return None;
            }
        }
        Some(claimed)
    }
}

/// How many of each kind; a kind may be asked for twice.
fn by_kind(wanted: &[pb::GenericResource]) -> BTreeMap<&str, i64> {
    let mut sums = BTreeMap::new();
    for resource in wanted.iter().filter(|resource| resource.count > 0) {
        let sum: &mut i64 = sums.entry(resource.kind.as_str()).or_default();
        *sum = sum.saturating_add(resource.count);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: &str, value: &str) -> pb::GenericResource {
        pb::GenericResource { kind: kind.into(), value: value.into(), count: 0 }
    }

    fn counted(kind: &str, count: i64) -> pb::GenericResource {
        pb::GenericResource { kind: kind.into(), count, ..Default::default() }
    }

    #[test]
    fn named_things_are_picked_and_counted_ones_counted() {
        let mut free = Free::of(&[named("gpu", "a"), named("gpu", "b"), counted("ssd", 3)]);
        assert_eq!(free.claim(&[counted("gpu", 1)]), Some(vec![named("gpu", "a")]));
        assert_eq!(free.claim(&[counted("gpu", 3)]), None);
        assert_eq!(free.claim(&[counted("ssd", 2), counted("ssd", 2)]), None, "both together");
        assert_eq!(free.claim(&[counted("fpga", 1)]), None);
        let both = free.claim(&[counted("gpu", 2), counted("ssd", 3)]).unwrap();
        assert_eq!(both, [named("gpu", "a"), named("gpu", "b"), counted("ssd", 3)]);
        free.take(&both);
        assert_eq!(free.claim(&[counted("gpu", 1)]), None);
        assert_eq!(free.claim(&[counted("ssd", 1)]), None);
        assert_eq!(free.claim(&[]), Some(Vec::new()));
    }
}
