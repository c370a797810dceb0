//! When a container whose process ended is started again. Pure: times are arguments.

use crate::spec::{RestartCondition, RestartPolicy};
use std::time::Duration;

/// Before the first restart.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Before any restart, at the most.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A run of this length was a good one: the delay starts over.
const GOOD_RUN: Duration = Duration::from_secs(10);

/// What a decision to start again rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) exit_code: i32,
    /// Whether a user asked for the end.
    pub(crate) manually_stopped: bool,
    /// How often the policy has started it since a user did.
    pub(crate) restarts: u32,
    /// How long it ran.
    pub(crate) ran: Duration,
}

/// Whether to start again after the process ended.
pub(crate) fn after_exit(policy: &RestartPolicy, ended: &Ended) -> bool {
    if ended.manually_stopped {
        return false;
    }
    match policy.name {
        RestartCondition::No => false,
        RestartCondition::Always | RestartCondition::UnlessStopped => true,
        RestartCondition::OnFailure => {
            let tries_left = policy.maximum_retry_count == 0 || ended.restarts < policy.maximum_retry_count;
            ended.exit_code != 0 && tries_left
        }
    }
}

/// Whether to start when the daemon does. `always` means even what a user stopped, as Docker has it.
pub(crate) fn at_daemon_start(policy: &RestartPolicy, ended: &Ended) -> bool {
    match policy.name {
        RestartCondition::Always => true,
        RestartCondition::No | RestartCondition::UnlessStopped | RestartCondition::OnFailure => {
            after_exit(policy, ended)
        }
    }
}

/// How long to wait before the next start, given the wait before this run.
pub(crate) fn delay(previous: Option<Duration>, ran: Duration) -> Duration {
    match previous {
        Some(previous) if ran < GOOD_RUN => (previous * 2).min(LONGEST_DELAY),
        _ => FIRST_DELAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(name: RestartCondition, maximum_retry_count: u32) -> RestartPolicy {
        RestartPolicy { name, maximum_retry_count }
    }

    fn ended(exit_code: i32, manually_stopped: bool, restarts: u32) -> Ended {
        Ended { exit_code, manually_stopped, restarts, ran: Duration::ZERO }
    }

    #[test]
    fn dockers_table() {
        use RestartCondition::{Always, No, OnFailure, UnlessStopped};
        for (condition, max, code, stopped, restarts, exit, start) in [
            (No, 0, 1, false, 0, false, false),
            (Always, 0, 0, false, 9, true, true),
            (Always, 0, 0, true, 0, false, true),
            (UnlessStopped, 0, 0, false, 0, true, true),
            (UnlessStopped, 0, 137, true, 0, false, false),
            (OnFailure, 0, 0, false, 0, false, false),
            (OnFailure, 0, 1, false, 99, true, true),
            (OnFailure, 3, 1, false, 2, true, true),
            (OnFailure, 3, 1, false, 3, false, false),
            (OnFailure, 0, 143, true, 0, false, false),
        ] {
            let (policy, ended) = (policy(condition, max), ended(code, stopped, restarts));
            assert_eq!(after_exit(&policy, &ended), exit, "{policy:?} {ended:?}");
            assert_eq!(at_daemon_start(&policy, &ended), start, "{policy:?} {ended:?}");
        }
    }

    #[test]
    fn delays_double_to_a_minute_and_start_over_after_a_good_run() {
        let mut waited = None;
        let mut all = Vec::new();
        for _ in 0..12 {
            waited = Some(delay(waited, Duration::from_millis(5)));
            all.push(waited.unwrap().as_millis());
        }
        assert_eq!(all[..5], [100, 200, 400, 800, 1600]);
        assert_eq!(all[11], 60_000);
        assert_eq!(delay(waited, GOOD_RUN), FIRST_DELAY);
    }

    proptest! {
        #[test]
        fn delays_stay_in_bounds(previous in prop::option::of(0u64..1_000_000), ran in 0u64..100_000) {
            let delay = delay(previous.map(Duration::from_millis), Duration::from_millis(ran));
            prop_assert!(delay <= LONGEST_DELAY);
        }
    }
}
