//! Health checks: what is asked for becomes what the shim probes, and what the shim finds becomes the container's state.
//!
//! The shim probes, so that nothing is missed while the daemon is away and no probe costs more than the probe itself;
//! [`watch`] hears of each result and tells the container's task, which alone changes the record.

mod plan;
mod watch;

pub(crate) use plan::{merge, plan};
pub(crate) use watch::{News, watch};

use shim::HealthStatus;

/// Docker's word.
pub fn word(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Starting => "starting",
        HealthStatus::Healthy => "healthy",
        HealthStatus::Unhealthy => "unhealthy",
    }
}
