//! Address allocation, as pure data.
//!
//! Purpose: choose subnets out of pools and addresses out of subnets, IPv4 and IPv6 alike. Inputs: what is configured and what is
//! taken. Outputs: a choice, or a typed error. It does no IO, reads no clock and knows neither links nor the store;
//! the bridge of one machine and the allocator of a swarm use the same code.

#![forbid(unsafe_code)]

mod addresses;
mod cidr;
mod error;
mod pool;

pub use addresses::Addresses;
pub use cidr::Cidr;
pub use error::{Error, ErrorKind, Result};
pub use pool::{Pool, choose_subnet, default_pools};
