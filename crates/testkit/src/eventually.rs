//! Waiting for something to become true, the only kind of wait tests use.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a step of a test may take before it counts as failed; generous, because machines are busy.
const STEP: Duration = Duration::from_secs(60);
/// Gives more seconds to each step, where the machine is not busy but slow.
const PATIENCE: &str = "SHOAL_PATIENCE";
/// Time between two looks.
const POLL: Duration = Duration::from_millis(20);

/// How long a step of a test may take before it counts as failed, here.
pub fn step() -> Duration {
    static ASKED: OnceLock<Option<u64>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| std::env::var(PATIENCE).ok()?.parse().ok());
    asked.map_or(STEP, Duration::from_secs)
}

/// Looks until `look` gives `Ok`, and returns what it gave.
///
/// # Panics
/// After [`step`], with the last reason why not.
pub fn eventually<T, E: Display>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(reason) if began.elapsed() > step() => panic!("not within {:?}: {what}: {reason}", step()),
            Err(_) => std::thread::sleep(POLL),
        }
    }
}
