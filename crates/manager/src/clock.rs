//! The edge to time: what the loops and control call instead of the system's clock, so that a test can turn it by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use swarm_api::default::nanos;
use tokio::sync::watch;

/// Tells the time and waits for it. Cloning is cheap; clones share the time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Receiver<i64>),
    /// The system's, so many nanoseconds fast.
    Shifted(Arc<AtomicI64>),
}

/// Sets the clock it was made with, as an administrator or a time server does: what sleeps is not woken by it.
#[derive(Clone, Debug)]
pub struct Shift(Arc<AtomicI64>);

/// Turns the clock it was made with. When it is dropped, that clock stands still for ever.
#[derive(Debug)]
pub struct Hand(watch::Sender<i64>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that moves only by its hand, starting at `now_ns`.
    #[must_use]
    pub fn manual(now_ns: i64) -> (Self, Hand) {
        let (sender, receiver) = watch::channel(now_ns);
        (Self(Source::Manual(receiver)), Hand(sender))
    }

    /// The system's clock, until it is set.
    #[must_use]
    pub fn shifted() -> (Self, Shift) {
        let by_ns = Arc::new(AtomicI64::new(0));
        (Self(Source::Shifted(Arc::clone(&by_ns))), Shift(by_ns))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        match &self.0 {
            Source::System => swarm_api::now_ns(),
            Source::Shifted(by_ns) => swarm_api::now_ns().saturating_add(by_ns.load(Ordering::Relaxed)),
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Waits for so long.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System | Source::Shifted(_) => tokio::time::sleep(duration).await,
            Source::Manual(_) => self.sleep_until(self.now_ns().saturating_add(nanos(duration))).await,
        }
    }

    /// Waits until this time, in nanoseconds since the Unix epoch. A time that is past does not wait.
    pub async fn sleep_until(&self, deadline_ns: i64) {
        match &self.0 {
            Source::System | Source::Shifted(_) => {
                let left = u64::try_from(deadline_ns.saturating_sub(self.now_ns())).unwrap_or(0);
                tokio::time::sleep(Duration::from_nanos(left)).await;
            }
            Source::Manual(now) => {
                let mut now = now.clone();
                if now.wait_for(|now| *now >= deadline_ns).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl Hand {
    /// Moves the time on.
    pub fn advance(&self, duration: Duration) {
        self.0.send_modify(|now| *now = now.saturating_add(nanos(duration)));
    }
}

impl Shift {
    /// Sets the clock on by so many nanoseconds, or back.
    pub fn set(&self, by_ns: i64) {
        self.0.fetch_add(by_ns, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_by_its_hand_only() {
        let (clock, hand) = Clock::manual(1_000);
        let mut waiting = Box::pin(clock.sleep(Duration::from_nanos(500)));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        hand.advance(Duration::from_nanos(499));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        hand.advance(Duration::from_nanos(1));
        waiting.await;
        assert_eq!(clock.now_ns(), 1_500);
        clock.sleep_until(1_200).await;
    }
}
