//! What can go wrong while choosing an address, worded for the person who asked.

use std::net::IpAddr;

use crate::Cidr;

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why no address or subnet could be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not an address and a prefix length.
    #[error("invalid CIDR address: {0}")]
    InvalidCidr(String),
    /// A pool hands out blocks that are larger than itself, or absurd ones.
    #[error("invalid address pool {base} with subnets of size {size}: the size must be between {} and {largest}", base.prefix_len())]
    InvalidPool {
        /// The whole pool.
        base: Cidr,
        /// The prefix length of each subnet.
        size: u8,
        /// The largest it may be.
        largest: u8,
    },
    /// The range to allocate from does not lie in the subnet.
    #[error("range {range} is not inside subnet {subnet}")]
    RangeOutsideSubnet {
        /// What was asked.
        range: Cidr,
        /// What it must be inside of.
        subnet: Cidr,
    },
    /// The address does not belong to the subnet, or is its first or last one.
    #[error("invalid address {address}: it does not belong to subnet {subnet}")]
    OutsideSubnet {
        /// What was asked.
        address: IpAddr,
        /// What it must be inside of.
        subnet: Cidr,
    },
    /// Somebody holds that very address.
    #[error("Address already in use")]
    InUse(IpAddr),
    /// The subnet, or the range in it, has no free address.
    #[error("no available {family} addresses on this network's address pools: {range}", family = family(*.range))]
    SubnetFull {
        /// Where addresses are given from.
        range: Cidr,
    },
    /// Each subnet of each pool overlaps something that exists.
    #[error("all predefined address pools have been fully subnetted")]
    PoolsExhausted,
}

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request can never be served.
    Invalid,
    /// Somebody else has it.
    Conflict,
    /// Nothing is left.
    Exhausted,
}

impl Error {
    /// The class of this error, for the mapping to status codes.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::InvalidCidr(_)
            | Error::InvalidPool { .. }
            | Error::RangeOutsideSubnet { .. }
            | Error::OutsideSubnet { .. } => ErrorKind::Invalid,
            Error::InUse(_) => ErrorKind::Conflict,
            Error::SubnetFull { .. } | Error::PoolsExhausted => ErrorKind::Exhausted,
        }
    }
}

fn family(range: Cidr) -> &'static str {
    if range.is_ipv4() { "IPv4" } else { "IPv6" }
}
