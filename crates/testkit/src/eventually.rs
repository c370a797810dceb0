//! Waiting for something to become true, the only kind of wait tests use.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long a step of a test may take before it counts as failed; generous, because machines are busy.
pub const STEP: Duration = Duration::from_secs(60);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Looks until `look` gives `Ok`, and returns what it gave.
///
/// # Panics
/// After [`STEP`], with the last reason why not.
pub fn eventually<T, E: Display>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(reason) if began.elapsed() > STEP => panic!("not within {STEP:?}: {what}: {reason}"),
            Err(_) => std::thread::sleep(POLL),
        }
    }
}
