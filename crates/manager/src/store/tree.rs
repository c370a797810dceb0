//! A persistent ordered map: cloning costs one reference count, changing a clone copies only the path to the change.
//!
//! A treap. Views of the store are clones of such trees, so that reading 10 000 tasks never blocks applying, and
//! applying never copies 10 000 tasks. Priorities come from a counter: the shape is balanced and needs no hashing.

use std::cmp::Ordering;
use std::sync::Arc;

type Link<K, V> = Option<Arc<Node<K, V>>>;

#[derive(Clone, Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    priority: u64,
    left: Link<K, V>,
    right: Link<K, V>,
}

/// How many values a test has read from trees, on its thread.
#[cfg(test)]
pub(crate) mod reads {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn note() {
        COUNT.set(COUNT.get() + 1);
    }

    /// How many values `work` reads.
    pub(crate) fn during<T>(work: impl FnOnce() -> T) -> (u64, T) {
        let before = COUNT.get();
        let done = work();
        (COUNT.get() - before, done)
    }
}

/// The map. Lookups take a `place` function that says where a key lies from what is sought: `Less` before, `Equal` in.
#[derive(Clone, Debug)]
pub(super) struct Tree<K, V> {
    root: Link<K, V>,
    len: usize,
    counter: u64,
}

impl<K, V> Default for Tree<K, V> {
    fn default() -> Self {
        Self { root: None, len: 0, counter: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Tree<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, place: impl Fn(&K) -> Ordering) -> Option<&V> {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match place(&node.key) {
                Ordering::Less => &node.right,
                Ordering::Greater => &node.left,
                Ordering::Equal => {
                    #[cfg(test)]
                    reads::note();
                    return Some(&node.value);
                }
            };
        }
        None
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.counter = self.counter.wrapping_add(1);
        let priority = scatter(self.counter);
        let old = insert(&mut self.root, key, value, priority);
        self.len += usize::from(old.is_none());
        old
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let old = remove(&mut self.root, key);
        self.len -= usize::from(old.is_some());
        old
    }

    /// All entries, in order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.range(|_| Ordering::Equal)
    }

    /// The run of entries whose place is `Equal`, in order.
    pub(super) fn range<'a, P>(&'a self, place: P) -> Range<'a, K, V, P>
    where
        P: Fn(&K) -> Ordering + 'a,
    {
        let mut range = Range { pending: Vec::new(), place };
        range.descend(&self.root);
        range
    }
}

/// Iterator of `Tree::range`.
pub(super) struct Range<'a, K, V, P> {
    // Nodes not yet given out whose left side is done, deepest last.
    pending: Vec<&'a Node<K, V>>,
    place: P,
}

impl<'a, K, V, P: Fn(&K) -> Ordering> Range<'a, K, V, P> {
    fn descend(&mut self, mut link: &'a Link<K, V>) {
        while let Some(node) = link {
            if (self.place)(&node.key) == Ordering::Less {
                link = &node.right;
            } else {
                self.pending.push(node);
                link = &node.left;
            }
        }
    }
}

impl<'a, K, V, P: Fn(&K) -> Ordering> Iterator for Range<'a, K, V, P> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.pending.pop()?;
        if (self.place)(&node.key) == Ordering::Greater {
            self.pending.clear();
            return None;
        }
        self.descend(&node.right);
        #[cfg(test)]
        reads::note();
        Some((&node.key, &node.value))
    }
}

fn insert<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>, key: K, value: V, priority: u64) -> Option<V> {
    let Some(shared) = link else {
        *link = Some(Arc::new(Node { key, value, priority, left: None, right: None }));
        return None;
    };
    let node = Arc::make_mut(shared);
    match key.cmp(&node.key) {
        Ordering::Equal => Some(std::mem::replace(&mut node.value, value)),
        Ordering::Less => {
            let old = insert(&mut node.left, key, value, priority);
            if outranks(&node.left, node.priority) {
                rotate_right(link);
            }
            old
        }
        Ordering::Greater => {
            let old = insert(&mut node.right, key, value, priority);
            if outranks(&node.right, node.priority) {
                rotate_left(link);
            }
            old
        }
    }
}

fn outranks<K, V>(child: &Link<K, V>, priority: u64) -> bool {
    child.as_ref().is_some_and(|child| child.priority > priority)
}

fn rotate_right<K: Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(mut top) = link.take() else { return };
    let Some(mut left) = Arc::make_mut(&mut top).left.take() else {
        *link = Some(top);
        return;
    };
    Arc::make_mut(&mut top).left = Arc::make_mut(&mut left).right.take();
    Arc::make_mut(&mut left).right = Some(top);
    *link = Some(left);
}

fn rotate_left<K: Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(mut top) = link.take() else { return };
    let Some(mut right) = Arc::make_mut(&mut top).right.take() else {
        *link = Some(top);
        return;
    };
    Arc::make_mut(&mut top).right = Arc::make_mut(&mut right).left.take();
    Arc::make_mut(&mut right).left = Some(top);
    *link = Some(right);
}

fn remove<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>, key: &K) -> Option<V> {
    let shared = link.as_mut()?;
    match key.cmp(&shared.key) {
        Ordering::Less => remove(&mut Arc::make_mut(shared).left, key),
        Ordering::Greater => remove(&mut Arc::make_mut(shared).right, key),
        Ordering::Equal => {
            let value = shared.value.clone();
            let (left, right) = (shared.left.clone(), shared.right.clone());
            *link = merge(left, right);
            Some(value)
        }
    }
}

/// Joins two trees of which every key of the first is before every key of the second.
fn merge<K: Clone, V: Clone>(left: Link<K, V>, right: Link<K, V>) -> Link<K, V> {
    match (left, right) {
        (None, other) | (other, None) => other,
        (Some(mut left), Some(mut right)) => {
            if left.priority > right.priority {
                let node = Arc::make_mut(&mut left);
                node.right = merge(node.right.take(), Some(right));
                Some(left)
            } else {
                let node = Arc::make_mut(&mut right);
                node.left = merge(Some(left), node.left.take());
                Some(right)
            }
        }
    }
}

/// The finaliser of splitmix64: neighbouring counters give unrelated priorities.
fn scatter(counter: u64) -> u64 {
    let mut bits = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_an_ordered_map(steps in prop::collection::vec((any::<bool>(), 0u16..200, any::<u8>()), 0..600)) {
            let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
            let mut kept = Vec::new();
            for (put, key, value) in steps {
                if put {
                    prop_assert_eq!(tree.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(tree.remove(&key), model.remove(&key));
                }
                if key % 16 == 0 {
                    kept.push((tree.clone(), model.clone()));
                }
            }
            kept.push((tree, model));
            // Earlier clones are untouched by what came after them.
            for (tree, model) in kept {
                prop_assert_eq!(tree.len(), model.len());
                prop_assert!(tree.iter().eq(model.iter()));
                prop_assert!(tree.get(|key| key.cmp(&77)) == model.get(&77));
                let place = |key: &u16| if *key < 50 { Ordering::Less } else if *key >= 90 { Ordering::Greater } else { Ordering::Equal };
                prop_assert!(tree.range(place).eq(model.range(50..90)));
            }
        }
    }

    #[test]
    fn stays_shallow_when_keys_come_in_order() {
        fn depth(link: &Link<u32, ()>) -> usize {
            link.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
        }
        let mut tree = Tree::default();
        (0..20_000).for_each(|key| {
            tree.insert(key, ());
        });
        assert!(depth(&tree.root) < 64);
    }
}
