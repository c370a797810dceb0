//! Histories that are fine, and histories that are not.

use super::*;
use proptest::prelude::*;

fn read(began: u64, ended: u64, value: u64) -> Operation<u64> {
    Operation { began, ended, done: Done::Read(value) }
}

fn swap(began: u64, ended: u64, old: u64, new: u64, outcome: Outcome) -> Operation<u64> {
    Operation { began, ended, done: Done::Swap { old, new, outcome } }
}

fn is_fine(history: &[Operation<u64>]) -> bool {
    match check(&0, history) {
        Verdict::Linearizable => true,
        Verdict::Violated(why) => {
            assert!(why.contains("nothing explains"), "{why}");
            false
        }
        Verdict::Undecided => panic!("no verdict"),
    }
}

use Outcome::{Refused, Swapped, Unknown};

#[test]
fn what_follows_one_after_the_other_is_fine() {
    assert!(is_fine(&[]));
    assert!(is_fine(&[read(0, 1, 0), swap(2, 3, 0, 1, Swapped), read(4, 5, 1), swap(6, 7, 0, 2, Refused)]));
}

#[test]
fn a_read_beside_a_swap_may_see_either_value() {
    let swapped = swap(0, 10, 0, 1, Swapped);
    assert!(is_fine(&[swapped.clone(), read(1, 2, 0), read(3, 4, 1)]));
    assert!(!is_fine(&[swapped, read(1, 2, 1), read(3, 4, 0)]), "but not go back");
}

#[test]
fn a_stale_read_is_found() {
    assert!(!is_fine(&[swap(0, 1, 0, 1, Swapped), read(2, 3, 0)]));
}

#[test]
fn a_lost_write_is_found() {
    // The second swap was acknowledged and nobody undid it, yet the register is as before it.
    let history =
        [swap(0, 1, 0, 1, Swapped), swap(2, 3, 1, 2, Swapped), read(4, 5, 2), read(6, 7, 1), read(8, 9, 1)];
    assert!(!is_fine(&history));
}

#[test]
fn two_swaps_of_the_same_value_are_found() {
    assert!(!is_fine(&[swap(0, 9, 0, 1, Swapped), swap(0, 9, 0, 2, Swapped)]));
    assert!(is_fine(&[swap(0, 9, 0, 1, Swapped), swap(0, 9, 0, 2, Refused)]));
}

#[test]
fn a_refusal_without_a_reason_is_found() {
    assert!(!is_fine(&[swap(0, 1, 0, 1, Refused)]));
    assert!(!is_fine(&[swap(0, 1, 0, 1, Swapped), swap(2, 3, 1, 2, Refused)]));
}

#[test]
fn a_value_that_nobody_wrote_is_found() {
    assert!(!is_fine(&[read(0, 1, 7)]));
}

#[test]
fn what_nobody_heard_of_may_come_late_or_never_but_only_once() {
    let lost = swap(0, 1, 0, 1, Unknown);
    assert!(is_fine(&[lost.clone(), read(2, 3, 0)]), "never");
    assert!(is_fine(&[lost.clone(), read(2, 3, 0), read(50, 51, 1)]), "late");
    assert!(!is_fine(&[lost.clone(), read(2, 3, 1), read(4, 5, 0)]), "not undone");
    assert!(!is_fine(&[read(0, 1, 1), swap(2, 3, 0, 1, Unknown)]), "not before it began");
    // It would have had to come between two reads that both saw another value.
    let history = [lost, swap(2, 3, 0, 2, Swapped), read(4, 5, 1)];
    assert!(!is_fine(&history), "not on top of another value");
}

#[test]
fn registers_are_judged_one_by_one_and_named() {
    let good = vec![swap(0, 1, 0, 1, Swapped)];
    let bad = vec![read(0, 1, 9)];
    let histories = BTreeMap::from([("good", good), ("bad", bad)]);
    let said = check_all(&histories, |_| 0).unwrap_err();
    assert!(said.starts_with("register \"bad\": ") && !said.contains("good"), "{said}");
}

/// A history as a true register makes it: each of several clients does one operation after the other, each takes effect at
/// one moment of it, and some are never heard of.
fn true_history(choices: &[(u8, u8, u8, bool)]) -> Vec<Operation<u64>> {
    const CLIENTS: usize = 4;
    let mut planned: Vec<(u64, u64, u64, usize)> = Vec::new();
    let mut free_at = [0_u64; CLIENTS];
    for (number, (client, wait, length, _)) in choices.iter().enumerate() {
        let client = usize::from(*client) % CLIENTS;
        let began = free_at[client] + u64::from(*wait % 8);
        let effect = began + u64::from(*length % 16);
        let ended = effect + u64::from(*length % 5);
        free_at[client] = ended + 1;
        planned.push((effect, began, ended, number));
    }
    planned.sort();
    let (mut value, mut last) = (0_u64, 0_u64);
    let mut history = Vec::new();
    for (_, began, ended, number) in planned {
        let (_, wait, length, is_heard) = choices[number];
        let fresh = u64::try_from(number).unwrap() + 1;
        let done = match wait % 3 {
            0 => Done::Read(value),
            kind => {
                // Some name the value that was there before.
                let old = if kind == 1 { value } else { last };
                let is_done = old == value && (is_heard || length % 2 == 0);
                if is_done {
                    last = std::mem::replace(&mut value, fresh);
                }
                let outcome = match (is_heard, is_done) {
                    (false, _) => Unknown,
                    (true, true) => Swapped,
                    (true, false) => Refused,
                };
                Done::Swap { old, new: fresh, outcome }
            }
        };
        history.push(Operation { began, ended, done });
    }
    history
}

type Choice = (u8, u8, u8, bool);

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), proptest::bool::weighted(0.9)), 0..80)
}

proptest! {
    #[test]
    fn every_history_of_a_true_register_is_fine(choices in choices()) {
        let history = true_history(&choices);
        prop_assert_eq!(check(&0, &history), Verdict::Linearizable);
    }

    #[test]
    fn a_read_of_an_overwritten_value_is_always_found(choices in choices()) {
        let mut history = true_history(&choices);
        let swapped: Vec<_> = history
            .iter()
            .filter_map(|operation| match operation.done {
                Done::Swap { old, outcome: Swapped, .. } => Some((operation.ended, old)),
                _ => None,
            })
            .collect();
        prop_assume!(!swapped.is_empty());
        let (ended, old) = swapped[swapped.len() / 2];
        history.push(read(ended + 1, ended + 2, old));
        prop_assert!(matches!(check(&0, &history), Verdict::Violated(_)));
    }
}
