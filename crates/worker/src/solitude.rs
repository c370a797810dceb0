//! Since when no manager can be asked: what lets a node act on its own, and only after a while, so that a change of leaders
//! is never taken for the loss of all managers.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The half of whoever holds sessions.
pub(crate) struct Company(watch::Sender<Option<Instant>>);

/// The half of those who wait to be left alone. Clones see the same.
#[derive(Clone)]
pub(crate) struct Solitude {
    /// `None` while there is a session.
    since: watch::Receiver<Option<Instant>>,
    patience: Duration,
}

/// Both halves; nobody is there at first. Alone is who had no session for `patience`.
pub(crate) fn alone(patience: Duration) -> (Company, Solitude) {
    let (sender, since) = watch::channel(Some(Instant::now()));
    (Company(sender), Solitude { since, patience })
}

impl Company {
    /// A session is open.
    pub(crate) fn is_there(&self) {
        self.0.send_replace(None);
    }

    /// There is no session. Saying it again changes nothing: the first time counts.
    pub(crate) fn is_gone(&self) {
        self.0.send_if_modified(|since| {
            let is_new = since.is_none();
            since.get_or_insert_with(Instant::now);
            is_new
        });
    }
}

impl Solitude {
    /// Waits until the node is alone and `earliest` has come.
    pub(crate) async fn until(&mut self, earliest: Instant) {
        loop {
            let since = *self.since.borrow_and_update();
            let alone = async {
                match since {
                    Some(since) => tokio::time::sleep_until(earliest.max(since + self.patience)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = alone => return,
                changed = self.since.changed() => {
                    if changed.is_err() {
                        // The agent ends.
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn alone_is_who_had_no_session_for_long_enough() {
        let begun = Instant::now();
        let (company, mut solitude) = alone(PATIENCE);
        solitude.until(begun).await;
        assert!(begun.elapsed() >= PATIENCE);
        company.is_gone();
        solitude.until(begun + PATIENCE * 3).await;
        assert!(begun.elapsed() >= PATIENCE * 3, "the time that was asked for is waited for too");
    }

    #[tokio::test]
    async fn a_session_begins_the_wait_anew() {
        let (company, mut solitude) = alone(PATIENCE);
        let begun = Instant::now();
        company.is_there();
        let waits = tokio::time::timeout(PATIENCE * 3, solitude.until(begun)).await;
        assert!(waits.is_err(), "nobody is alone in a session");
        let lost = Instant::now();
        company.is_gone();
        company.is_gone();
        solitude.until(begun).await;
        assert!(lost.elapsed() >= PATIENCE);
    }
}
