//! The embedded DNS: a benchmark of the network room measures it, since the protocol to `shoal-net` is that room's own.

use anyhow::Result;

use crate::process::{cargo, run};

/// Runs the measurement over optimised programs. It fails if an aim of its own is missed.
pub(crate) fn measure() -> Result<()> {
    run(cargo().args(["bench", "--quiet", "--package", "network", "--bench", "dns_speed"]))
}
