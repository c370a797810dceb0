//! An IPv4 address with a prefix length: a subnet, or an interface's address inside one.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// `a.b.c.d/len`. Host bits are kept, since `--bip 10.0.0.1/24` names an interface's address;
/// [`Cidr::network`] clears them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: Ipv4Addr,
    prefix_len: u8,
}

impl Cidr {
    /// Joins an address and a prefix length of at most 32.
    pub fn new(address: Ipv4Addr, prefix_len: u8) -> Result<Cidr> {
        if prefix_len > 32 {
            return Err(Error::InvalidCidr(format!("{address}/{prefix_len}")));
        }
        Ok(Cidr { address, prefix_len })
    }

    /// The address as written, host bits included.
    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    /// The number of leading bits that name the network, 0 to 32.
    pub fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// The same network with all host bits cleared.
    pub fn network(self) -> Cidr {
        Cidr { address: Ipv4Addr::from(self.first_bits()), prefix_len: self.prefix_len }
    }

    /// The lowest address, which names the network itself.
    pub fn first(self) -> Ipv4Addr {
        Ipv4Addr::from(self.first_bits())
    }

    /// The highest address, which is the broadcast address.
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from(self.first_bits() | !self.mask())
    }

    /// The address bits that belong to the network.
    pub fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::from(self.mask())
    }

    /// How many addresses the block has, first and last included.
    pub fn len(self) -> u64 {
        1 << (32 - u32::from(self.prefix_len))
    }

    /// Never true: even a /32 has one address. Stands beside `len`, as readers expect.
    pub fn is_empty(self) -> bool {
        false
    }

    /// Whether the address lies in the block.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == self.first_bits()
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
    /// address (blocks of one or two addresses have neither, RFC 3021).
    pub fn is_host(self, address: Ipv4Addr) -> bool {
        self.contains(address)
            && (self.prefix_len >= 31 || (address != self.first() && address != self.last()))
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix_len)).unwrap_or(0)
    }

    fn first_bits(self) -> u32 {
        u32::from(self.address) & self.mask()
    }
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
        let address = address.parse().map_err(|_| invalid())?;
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

    #[test]
    fn keeps_host_bits_and_clears_them_on_request() {
        let bip = cidr("192.168.5.1/24");
        assert_eq!(bip.to_string(), "192.168.5.1/24");
        assert_eq!(bip.network(), cidr("192.168.5.0/24"));
        assert_eq!(bip.last(), Ipv4Addr::new(192, 168, 5, 255));
        assert_eq!(bip.netmask(), Ipv4Addr::new(255, 255, 255, 0));
    }

    #[test]
    fn the_widest_and_the_narrowest_block_hold() {
        assert_eq!(cidr("1.2.3.4/0").len(), 1 << 32);
        assert!(cidr("0.0.0.0/0").contains(Ipv4Addr::BROADCAST));
        assert_eq!(cidr("10.0.0.7/32").len(), 1);
        assert!(cidr("10.0.0.7/32").is_host(Ipv4Addr::new(10, 0, 0, 7)));
    }

    #[test]
    fn overlap_is_symmetric() {
        assert!(cidr("10.0.0.0/8").overlaps(cidr("10.9.0.0/16")));
        assert!(cidr("10.9.0.0/16").overlaps(cidr("10.0.0.0/8")));
        assert!(!cidr("10.9.0.0/16").overlaps(cidr("10.8.0.0/16")));
    }

    #[test]
    fn refuses_what_is_not_a_block() {
        for text in
            ["", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/+8", "10.0.0/8", "a/8", "10.0.0.1/8/8"]
        {
            assert_eq!(text.parse::<Cidr>(), Err(Error::InvalidCidr(text.to_owned())));
        }
    }
}
