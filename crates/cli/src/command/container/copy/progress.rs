//! The line that says how much was copied.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::format::unit;

/// How often the line is painted.
const REFRESH: Duration = Duration::from_millis(200);

/// Counts bytes; paints while people watch.
pub(super) struct Progress {
    quiet: bool,
    what: &'static str,
    began: Instant,
    bytes: AtomicU64,
    /// Milliseconds after the beginning.
    painted: AtomicU64,
}

impl Progress {
    /// `what` is `Copying from container`.
    pub(super) fn new(what: &'static str, quiet: bool) -> Self {
        Self { quiet, what, began: Instant::now(), bytes: AtomicU64::new(0), painted: AtomicU64::new(0) }
    }

    /// Some more were copied.
    pub(super) fn add(&self, count: usize) {
        let bytes = self.bytes.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        if self.quiet {
            return;
        }
        let now = self.began.elapsed();
        let painted = Duration::from_millis(self.painted.load(Ordering::Relaxed));
        if now.saturating_sub(painted) >= REFRESH {
            self.painted.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            let _ = write!(std::io::stderr(), "\r\x1b[K{} - {}", self.what, unit::size_short(bytes));
        }
    }

    /// All were copied to `place`.
    pub(super) fn done(&self, place: &str) {
        if !self.quiet {
            let size = unit::size_short(self.bytes.load(Ordering::Relaxed));
            let _ = write!(std::io::stderr(), "\r\x1b[K");
            crate::console::note(&format!("Successfully copied {size} to {place}"));
        }
    }
}
