//! Whether what clients saw of a register can be explained by operations that took effect one after the other, each between
//! its beginning and its end. Pure.
//!
//! The search is Wing and Gong's with the memory of Lowe: it takes operations that may come first, one by one, and goes back
//! where none fits; what was reached once (the same operations done, the same value) is not searched again. Each register is
//! judged by itself, which loses nothing: a history is linearizable when each of its parts is.
//!
//! A swap whose outcome nobody heard may take effect at any later time, or never. Values must be unique: each swap writes one
//! that no other does.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

/// Steps of one search before it is given up.
const STEPS: u64 = 20_000_000;
/// Operations that are told on each side of one that cannot be explained.
const AROUND: usize = 15;

/// What a client did and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done<V> {
    /// It read this.
    Read(V),
    /// It asked to put `new` in the place of `old`.
    Swap {
        /// What had to be there.
        old: V,
        /// What was to be there.
        new: V,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What a client heard of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Swapped,
    /// Something else was there.
    Refused,
    /// Nothing, or an error that does not tell.
    Unknown,
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<V> {
    /// When it began; all times are of one clock.
    pub began: u64,
    /// When its outcome was heard. Does not matter where there was none.
    pub ended: u64,
    /// What it was.
    pub done: Done<V>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains all.
    Linearizable,
    /// There is none: how far the best attempt came, in words.
    Violated(String),
    /// The search took too long.
    Undecided,
}

/// Judges the history of each register, by its key; all begin with `initial`.
///
/// # Errors
/// A sentence for each register whose history is not linearizable, or could not be judged.
pub fn check_all<K: Debug + Ord, V: Clone + Debug + Eq + Hash>(
    histories: &BTreeMap<K, Vec<Operation<V>>>,
    initial: impl Fn(&K) -> V,
) -> Result<(), String> {
    let faults = histories.iter().filter_map(|(key, history)| match check(&initial(key), history) {
        Verdict::Linearizable => None,
        Verdict::Violated(why) => Some(format!("register {key:?}: {why}")),
        Verdict::Undecided => Some(format!("register {key:?}: no verdict within {STEPS} steps")),
    });
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Judges the history of one register that begins with `initial`.
pub fn check<V: Clone + Debug + Eq + Hash>(initial: &V, history: &[Operation<V>]) -> Verdict {
    let mut search = Search::new(initial, history);
    for _ in 0..STEPS {
        match search.step() {
            Step::On => {}
            Step::Found => return Verdict::Linearizable,
            Step::Exhausted => return Verdict::Violated(search.best()),
        }
    }
    Verdict::Undecided
}

/// A moment of the history: an operation begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    at: u64,
    /// At the same time a beginning is before an end: that allows more orders, never fewer.
    is_end: bool,
    operation: usize,
}

enum Step {
    On,
    Found,
    Exhausted,
}

/// The moments that are left are a doubly linked list, with a sentinel at index 0 and moment `n` at `n + 1`.
struct Search<'a, V> {
    history: &'a [Operation<V>],
    moments: Vec<Moment>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Where an operation ends in the list; its beginning for one that has no end.
    end_of: Vec<usize>,
    value: V,
    done: Vec<u64>,
    /// Operations with a known outcome that are not done.
    left: usize,
    /// What was done, in order: the place of its beginning, and the value before.
    stack: Vec<(usize, V)>,
    seen: HashSet<(Vec<u64>, V)>,
    at: usize,
    /// How many operations the best attempt did, the value then, and where it was stuck.
    deepest: (usize, V, usize),
}

impl<'a, V: Clone + Debug + Eq + Hash> Search<'a, V> {
    fn new(initial: &V, history: &'a [Operation<V>]) -> Self {
        let mut moments = Vec::with_capacity(history.len() * 2);
        for (number, operation) in history.iter().enumerate() {
            moments.push(Moment { at: operation.began, is_end: false, operation: number });
            if is_known(&operation.done) {
                moments.push(Moment { at: operation.ended, is_end: true, operation: number });
            }
        }
        moments.sort();
        let mut end_of = vec![0; history.len()];
        for (place, moment) in moments.iter().enumerate() {
            end_of[moment.operation] = place + 1;
        }
        let count = moments.len() + 1;
        Search {
            history,
            next: (0..count).map(|place| (place + 1) % count).collect(),
            previous: (0..count).map(|place| (place + count - 1) % count).collect(),
            end_of,
            value: initial.clone(),
            done: vec![0; history.len().div_ceil(64)],
            left: history.iter().filter(|operation| is_known(&operation.done)).count(),
            stack: Vec::new(),
            seen: HashSet::new(),
            at: 1 % count,
            deepest: (0, initial.clone(), 0),
            moments,
        }
    }

    fn step(&mut self) -> Step {
        if self.left == 0 {
            return Step::Found;
        }
        // Past the last moment, or at the end of an operation that had to be done by now: back.
        if self.at == 0 || self.moments[self.at - 1].is_end {
            return self.go_back();
        }
        let number = self.moments[self.at - 1].operation;
        if let Some(value) = after(&self.value, &self.history[number].done) {
            self.mark(number, true);
            if self.seen.insert((self.done.clone(), value.clone())) {
                let before = std::mem::replace(&mut self.value, value);
                self.stack.push((self.at, before));
                self.take_out(self.at, number);
                self.at = self.next[0];
                return Step::On;
            }
            self.mark(number, false);
        }
        self.at = self.next[self.at];
        Step::On
    }

    fn go_back(&mut self) -> Step {
        if self.stack.len() >= self.deepest.0 {
            self.deepest = (self.stack.len(), self.value.clone(), self.at);
        }
        let Some((place, before)) = self.stack.pop() else { return Step::Exhausted };
        let number = self.moments[place - 1].operation;
        self.value = before;
        self.mark(number, false);
        self.put_back(place, number);
        self.at = self.next[place];
        Step::On
    }

    fn mark(&mut self, number: usize, is_done: bool) {
        let bit = 1 << (number % 64);
        if is_done {
            self.done[number / 64] |= bit;
        } else {
            self.done[number / 64] &= !bit;
        }
    }

    fn take_out(&mut self, place: usize, number: usize) {
        self.unlink(place);
        if is_known(&self.history[number].done) {
            self.unlink(self.end_of[number]);
            self.left -= 1;
        }
    }

    /// The reverse of [`Search::take_out`], step by step.
    fn put_back(&mut self, place: usize, number: usize) {
        if is_known(&self.history[number].done) {
            self.relink(self.end_of[number]);
            self.left += 1;
        }
        self.relink(place);
    }

    fn unlink(&mut self, place: usize) {
        let (previous, next) = (self.previous[place], self.next[place]);
        self.next[previous] = next;
        self.previous[next] = previous;
    }

    fn relink(&mut self, place: usize) {
        let (previous, next) = (self.previous[place], self.next[place]);
        self.next[previous] = place;
        self.previous[next] = place;
    }

    /// How far the best attempt came, and what was done about the time when it was stuck.
    fn best(&self) -> String {
        let (done, value, place) = &self.deepest;
        let head = format!("after {done} operations, with {value:?} in the register, nothing explains ");
        let Some(stuck) = place.checked_sub(1) else { return head + "the end" };
        let stuck = self.moments[stuck].operation;
        let mut order: Vec<usize> = (0..self.history.len()).collect();
        order.sort_by_key(|number| self.history[*number].began);
        let at = order.iter().position(|number| *number == stuck).unwrap_or(0);
        let around = &order[at.saturating_sub(AROUND)..order.len().min(at + AROUND)];
        let lines = around.iter().map(|number| format!("\n    {:?}", self.history[*number]));
        format!("{head}{:?}; about that time:{}", self.history[stuck], lines.collect::<String>())
    }
}

fn is_known<V>(done: &Done<V>) -> bool {
    !matches!(done, Done::Swap { outcome: Outcome::Unknown, .. })
}

/// The value after the operation, if it can take effect on `value` with what was seen. A swap of which nothing was heard is
/// only worth a try where it changes something.
fn after<V: Clone + Eq>(value: &V, done: &Done<V>) -> Option<V> {
    match done {
        Done::Read(seen) => (seen == value).then(|| value.clone()),
        Done::Swap { old, new, outcome: Outcome::Swapped | Outcome::Unknown } => {
            (old == value).then(|| new.clone())
        }
        Done::Swap { old, outcome: Outcome::Refused, .. } => (old != value).then(|| value.clone()),
    }
}

#[cfg(test)]
mod tests;
