//! Waiting longer after each failure, capped and jittered, so that a cluster's workers do not return at
//! the same instant to a manager that has just come back.

use std::time::Duration;

/// A row of growing delays.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Delays from `first`, doubling up to `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Backoff { first, cap, failures: 0 }
    }

    /// The next delay: between half of the step and all of it.
    pub fn next_delay(&mut self) -> Duration {
        let step = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Starts again from the first delay, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last reset.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_and_start_again_after_reset() {
        let first = Duration::from_millis(100);
        let cap = Duration::from_secs(1);
        let mut backoff = Backoff::new(first, cap);
        assert!(backoff.next_delay() <= first);
        for _ in 0..100 {
            assert!(backoff.next_delay() <= cap);
        }
        assert!(backoff.next_delay() >= cap / 2);
        backoff.reset();
        assert!(backoff.next_delay() <= first);
    }
}
