//! When to try a registry again, and after which pause. What decides is pure.

use std::time::Duration;

use crate::{Error, Result};

/// Attempts at one thing.
const MAX_ATTEMPTS: u32 = 5;
/// Pause before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The attempts that are left at one thing.
#[derive(Debug)]
pub(crate) struct Patience {
    attempts: u32,
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { attempts: MAX_ATTEMPTS, pause: FIRST_PAUSE }
    }
}

impl Patience {
    /// Waits until another attempt is worth it; gives the error back if none is.
    pub(crate) async fn bear(&mut self, error: Error) -> Result<()> {
        let pause = self.judge(error)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Only what passes by itself is worth another attempt: a broken connection, an overloaded or failing registry.
    fn judge(&mut self, error: Error) -> Result<Duration> {
        let asked = match &error {
            Error::Busy { retry_after, .. } => *retry_after,
            Error::Unreachable { .. } => None,
            _ => return Err(error),
        };
        self.attempts = self.attempts.saturating_sub(1);
        if self.attempts == 0 {
            return Err(error);
        }
        tracing::debug!(%error, left = self.attempts, "a registry is tried again");
        let own = self.pause;
        self.pause *= 2;
        Ok(asked.unwrap_or(own))
    }
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
        assert_eq!(patience.judge(busy(None)).unwrap(), FIRST_PAUSE);
        assert_eq!(patience.judge(busy(Some(asked))).unwrap(), asked);
        assert_eq!(patience.judge(busy(None)).unwrap(), FIRST_PAUSE * 4);
        assert!(patience.judge(busy(None)).is_ok());
        assert!(patience.judge(busy(None)).is_err(), "the fifth failure is the last");
    }

    #[test]
    fn what_does_not_pass_by_itself_is_not_tried_again() {
        assert!(Patience::default().judge(Error::Denied("denied".to_owned())).is_err());
    }
}
