//! What managers, workers and front ends say to each other.
#![forbid(unsafe_code)]

pub mod id;

/// The generated messages and services of `proto/`.
#[allow(missing_docs, clippy::all, unreachable_pub)]
pub mod pb {
    tonic::include_proto!("shoal.v1");
}
