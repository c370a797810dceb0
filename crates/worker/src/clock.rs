//! The wall clock, for timestamps in statuses only: no decision of the worker depends on it.

/// Nanoseconds since the Unix epoch.
pub(crate) use swarm_api::now_ns;
