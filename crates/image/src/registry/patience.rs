//! When to try a registry again, and after which pause. What decides is pure.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use crate::{Error, Result};

/// Attempts at one thing, unless the configuration says otherwise.
const ATTEMPTS: u32 = 5;
/// Pause before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause of our own.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Longest pause that a registry may ask for. Who wants more, such as for a limit by the hour, is told to the user at once.
const MAX_ASKED: Duration = Duration::from_secs(60);

/// The attempts that are left at one thing.
#[derive(Debug)]
pub(crate) struct Patience {
    all: u32,
    attempts: u32,
    pause: Duration,
    /// Whether a registry that cannot even be reached may come back.
    awaits_connection: bool,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience::new(ATTEMPTS)
    }
}

impl Patience {
    /// So many attempts.
    pub(crate) fn new(attempts: u32) -> Patience {
        Patience { all: attempts, attempts, pause: FIRST_PAUSE, awaits_connection: false }
    }

    /// The same, for the middle of a work: the registry was there a moment ago.
    pub(crate) fn in_the_middle(attempts: u32) -> Patience {
        Patience { awaits_connection: true, ..Patience::new(attempts) }
    }

    /// Waits until another attempt is worth it; gives the error back if none is.
    pub(crate) async fn bear(&mut self, error: Error) -> Result<()> {
        let pause = self.judge(error)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// There was progress: all attempts are there again.
    pub(crate) fn renew(&mut self) {
        self.attempts = self.all;
        self.pause = FIRST_PAUSE;
    }

    /// Only what passes by itself is worth another attempt: a broken connection, an overloaded or failing registry.
    pub(crate) fn judge(&mut self, error: Error) -> Result<Duration> {
        let asked = match &error {
            Error::Busy { retry_after: Some(pause), .. } if *pause > MAX_ASKED => return Err(error),
            Error::Busy { retry_after, .. } => *retry_after,
            Error::NoConnection { .. } if self.awaits_connection => None,
            Error::Unreachable { .. } => None,
            _ => return Err(error),
        };
        self.attempts = self.attempts.saturating_sub(1);
        if self.attempts == 0 {
            return Err(error);
        }
        tracing::debug!(%error, left = self.attempts, "a registry is tried again");
        let own = self.pause;
        self.pause = (own * 2).min(MAX_PAUSE);
        Ok(asked.unwrap_or_else(|| jittered(own, RandomState::new().build_hasher().finish())))
    }
}

/// Between half of the pause and all of it, so that many who failed together do not come back together.
fn jittered(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    let spread = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_micros(random % spread)
}

/// Does something until it succeeds, fails for good, or patience ends.
pub(crate) async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut patience = Patience::default();
    loop {
        match attempt().await {
            Err(error) => patience.bear(error).await?,
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<Duration>) -> Error {
        Error::Busy { url: String::new(), detail: String::new(), retry_after }
    }

    #[test]
    fn pauses_double_unless_the_registry_says_how_long() {
        let mut patience = Patience::default();
        let asked = Duration::from_secs(7);
        let is_about = |pause: Duration, whole: Duration| pause >= whole / 2 && pause <= whole;
        assert!(is_about(patience.judge(busy(None)).unwrap(), FIRST_PAUSE));
        assert_eq!(patience.judge(busy(Some(asked))).unwrap(), asked);
        assert!(is_about(patience.judge(busy(None)).unwrap(), FIRST_PAUSE * 4));
        assert!(patience.judge(busy(None)).is_ok());
        assert!(patience.judge(busy(None)).is_err(), "the fifth failure is the last");
        patience.renew();
        assert!(is_about(patience.judge(busy(None)).unwrap(), FIRST_PAUSE));
    }

    #[test]
    fn what_does_not_pass_by_itself_is_not_tried_again() {
        let no_connection = || Error::NoConnection { url: String::new(), detail: String::new() };
        assert!(Patience::default().judge(Error::Denied("denied".to_owned())).is_err());
        assert!(Patience::default().judge(busy(Some(Duration::from_secs(3600)))).is_err());
        assert!(Patience::default().judge(no_connection()).is_err());
        assert!(Patience::in_the_middle(5).judge(no_connection()).is_ok());
    }

    #[test]
    fn pauses_are_bounded() {
        let mut patience = Patience::new(40);
        for _ in 0..39 {
            assert!(patience.judge(busy(None)).unwrap() <= MAX_PAUSE);
        }
        assert!(jittered(Duration::ZERO, 7) < Duration::from_millis(1));
    }
}
