//! The wall clock: for the times in statuses, and where something must outlive the daemon and the machine's start (attempts within a
//! window, a certificate's end). What is only waited for goes by tokio's clock, which nobody sets.

/// Nanoseconds since the Unix epoch.
pub(crate) use swarm_api::now_ns;
