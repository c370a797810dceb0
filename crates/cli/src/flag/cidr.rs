//! Blocks of addresses: `10.0.0.0/8`, `fd00::/64`.

use std::net::IpAddr;

use super::FlagError;

/// A block with an address in it, which may be any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    prefix_len: u8,
}

impl Cidr {
    /// `None` if the text is no block.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix_len) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix_len: u8 = prefix_len.parse().ok()?;
        (prefix_len <= width(address)).then_some(Self { address, prefix_len })
    }

    /// Whether the address lies in the block.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.first() == self.masked(address)
    }

    /// Whether the other block lies wholly in this one.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.prefix_len <= other.prefix_len && self.contains(other.address)
    }

    fn first(self) -> u128 {
        self.masked(self.address)
    }

    fn masked(self, address: IpAddr) -> u128 {
        let free = u32::from(width(address).saturating_sub(self.prefix_len));
        let bits = match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        };
        bits.checked_shr(free).and_then(|bits| bits.checked_shl(free)).unwrap_or(0)
    }
}

/// The text, if it is a block.
pub(crate) fn checked(text: &str) -> Result<String, FlagError> {
    match Cidr::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(FlagError::Cidr { input: text.to_owned() }),
    }
}

/// How many bits an address of this family has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        Cidr::parse(text).unwrap()
    }

    #[test]
    fn both_families() {
        assert!(cidr("10.1.2.3/8").contains("10.9.9.9".parse().unwrap()));
        assert!(!cidr("10.1.2.3/8").contains("11.0.0.0".parse().unwrap()));
        assert!(cidr("fd00::/8").covers(cidr("fd12::/64")) && !cidr("fd12::/64").covers(cidr("fd00::/8")));
        assert!(cidr("0.0.0.0/0").contains("255.0.0.1".parse().unwrap()));
        assert!(cidr("::/0").contains("ffff::".parse().unwrap()));
        assert!(!cidr("::/0").contains("1.2.3.4".parse().unwrap()));
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "a/8"] {
            assert_eq!(Cidr::parse(wrong), None, "{wrong}");
            assert_eq!(
                checked(wrong).expect_err(wrong).to_string(),
                format!("invalid string being converted to CIDR: {wrong}")
            );
        }
    }
}
