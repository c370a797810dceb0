//! An address of either family with a prefix length: a subnet, or an interface's address inside one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// `address/len`. Host bits are kept, since `--bip 10.0.0.1/24` names an interface's address;
/// [`Cidr::network`] clears them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    prefix_len: u8,
}

impl Cidr {
    /// Joins an address and a prefix length of at most 32, or 128 for IPv6.
    pub fn new(address: impl Into<IpAddr>, prefix_len: u8) -> Result<Cidr> {
        let address = address.into();
        if prefix_len > width(address) {
            return Err(Error::InvalidCidr(format!("{address}/{prefix_len}")));
        }
        Ok(Cidr { address, prefix_len })
    }

    /// The address as written, host bits included.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// The number of leading bits that name the network, 0 to 32 or 128.
    pub fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// Whether it is a block of IPv4 addresses.
    pub fn is_ipv4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether it is a block of IPv6 addresses.
    pub fn is_ipv6(self) -> bool {
        self.address.is_ipv6()
    }

    /// The same network with all host bits cleared.
    pub fn network(self) -> Cidr {
        Cidr { address: self.first(), prefix_len: self.prefix_len }
    }

    /// The lowest address, which names the network itself.
    pub fn first(self) -> IpAddr {
        self.at(self.first_bits())
    }

    /// The highest address, which in IPv4 is the broadcast address.
    pub fn last(self) -> IpAddr {
        self.at(self.last_bits())
    }

    /// The address bits that belong to the network.
    pub fn netmask(self) -> IpAddr {
        self.at(self.mask())
    }

    /// How many addresses the block has, first and last included. One less than the truth for all of IPv6.
    pub fn len(self) -> u128 {
        self.host_mask().saturating_add(1)
    }

    /// Never true: even the narrowest block has one address. Stands beside `len`, as readers expect.
    pub fn is_empty(self) -> bool {
        false
    }

    /// Whether the address lies in the block.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4() && bits(address) & self.mask() == self.first_bits()
    }

    /// Whether the other block lies wholly in this one.
    pub fn covers(self, other: Cidr) -> bool {
        self.prefix_len <= other.prefix_len && self.contains(other.address)
    }

    /// Whether the two blocks have an address in common.
    pub fn overlaps(self, other: Cidr) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Whether a machine may have this address: it is inside, and neither the network's own nor the broadcast
    /// address, which IPv6 has not (blocks of one or two addresses have neither, RFC 3021 and RFC 6164).
    pub fn is_host(self, address: IpAddr) -> bool {
        self.contains(address)
            && (self.host_mask() <= 1
                || (address != self.first() && (self.is_ipv6() || address != self.last())))
    }

    /// The address of this family that has these bits.
    pub(crate) fn at(self, bits: u128) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => Ipv4Addr::from((bits & u128::from(u32::MAX)) as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from(bits).into(),
        }
    }

    pub(crate) fn first_bits(self) -> u128 {
        bits(self.address) & self.mask()
    }

    pub(crate) fn last_bits(self) -> u128 {
        self.first_bits() | self.host_mask()
    }

    /// The bits that tell the hosts of the block apart.
    pub(crate) fn host_mask(self) -> u128 {
        let free = u32::from(width(self.address) - self.prefix_len);
        1u128.checked_shl(free).map_or(u128::MAX, |size| size - 1)
    }

    fn mask(self) -> u128 {
        let all = match self.address {
            IpAddr::V4(_) => u128::from(u32::MAX),
            IpAddr::V6(_) => u128::MAX,
        };
        all & !self.host_mask()
    }
}

/// An address as a number.
pub(crate) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cidr> {
        let invalid = || Error::InvalidCidr(text.to_owned());
        let (address, prefix_len) = text.split_once('/').ok_or_else(invalid)?;
        if !prefix_len.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let prefix_len = prefix_len.parse().map_err(|_| invalid())?;
        Cidr::new(address, prefix_len).map_err(|_| invalid())
    }
}

impl TryFrom<String> for Cidr {
    type Error = Error;

    fn try_from(text: String) -> Result<Cidr> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> String {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn keeps_host_bits_and_clears_them_on_request() {
        let bip = cidr("192.168.5.1/24");
        assert_eq!(bip.to_string(), "192.168.5.1/24");
        assert_eq!(bip.network(), cidr("192.168.5.0/24"));
        assert_eq!(bip.last(), ip("192.168.5.255"));
        assert_eq!(bip.netmask(), ip("255.255.255.0"));
        let six = cidr("fd00::5:0:0:1/64");
        assert_eq!(six.network(), cidr("fd00::/64").network());
        assert_eq!(six.last(), ip("fd00::ffff:ffff:ffff:ffff"));
        assert_eq!(six.netmask(), ip("ffff:ffff:ffff:ffff::"));
    }

    #[test]
    fn the_widest_and_the_narrowest_block_hold() {
        assert_eq!(cidr("1.2.3.4/0").len(), 1 << 32);
        assert!(cidr("0.0.0.0/0").contains(ip("255.255.255.255")));
        assert_eq!(cidr("10.0.0.7/32").len(), 1);
        assert!(cidr("10.0.0.7/32").is_host(ip("10.0.0.7")));
        assert_eq!(cidr("::/0").len(), u128::MAX);
        assert!(cidr("::/0").contains(ip("ffff::1")));
        assert_eq!(cidr("::1/128").len(), 1);
    }

    #[test]
    fn overlap_is_symmetric_and_within_a_family() {
        assert!(cidr("10.0.0.0/8").overlaps(cidr("10.9.0.0/16")));
        assert!(cidr("10.9.0.0/16").overlaps(cidr("10.0.0.0/8")));
        assert!(!cidr("10.9.0.0/16").overlaps(cidr("10.8.0.0/16")));
        assert!(!cidr("0.0.0.0/0").overlaps(cidr("::/0")));
        assert!(cidr("fd00::/8").overlaps(cidr("fd00:1::/64")));
    }

    #[test]
    fn ipv6_has_no_broadcast_address() {
        assert!(!cidr("fd00::/64").is_host(ip("fd00::")));
        assert!(cidr("fd00::/64").is_host(ip("fd00::ffff:ffff:ffff:ffff")));
        assert!(!cidr("10.0.0.0/24").is_host(ip("10.0.0.255")));
    }

    #[test]
    fn refuses_what_is_not_a_block() {
        for text in [
            "",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/+8",
            "10.0.0/8",
            "a/8",
            "10.0.0.1/8/8",
            "::/129",
            "::1",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(Error::InvalidCidr(text.to_owned())));
        }
    }
}
