//! The edge to time: what the loops and control call instead of the system's clock, so that a test can turn it by hand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// Tells the time and waits for it. Cloning is cheap; clones share the time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Receiver<i64>),
}

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

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                nanos(since)
            }
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Waits for so long.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(duration).await,
            Source::Manual(_) => self.sleep_until(self.now_ns().saturating_add(nanos(duration))).await,
        }
    }

    /// Waits until this time, in nanoseconds since the Unix epoch. A time that is past does not wait.
    pub async fn sleep_until(&self, deadline_ns: i64) {
        match &self.0 {
            Source::System => {
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

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
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
