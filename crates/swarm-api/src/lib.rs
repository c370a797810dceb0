//! What managers, workers and front ends say to each other.
//!
//! The messages and services of `proto/`, ids, defaults, validation and templates of specs, who may call which rpc, and the TLS
//! identities and channels over which it is said. Imports no other room but the
//! language of templates: managers and workers meet here and nowhere else.
#![forbid(unsafe_code)]

pub mod channel;
pub mod default;
mod discreet;
pub mod expand;
pub mod id;
pub mod join;
pub mod naming;
pub mod policy;
pub mod progress;
pub mod role;
pub mod status;
pub mod tls;
pub mod token;
pub mod validate;

/// The generated messages and services of `proto/`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::too_many_lines,
    reason = "generated; the protos carry the comments"
)]
pub mod pb {
    tonic::include_proto!("shoal.v1");
}

/// Nanoseconds since the Unix epoch, as the messages carry times: the one look at the wall clock of managers, workers and their
/// certificates, which a test may have set wrong.
#[must_use]
pub fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX).saturating_add(fault::clock_shift_ns())
}
