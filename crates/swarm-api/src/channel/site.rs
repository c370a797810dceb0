//! Whose an address is: what is counted against a caller is counted against all addresses that it has for the asking.

use std::net::{IpAddr, Ipv6Addr};

/// What is left of an IPv6 address when the host's part is dropped. Each link has 64 bits for hosts (RFC 4291, 2.5.1), and one machine may
/// take any of them.
const LINK: u128 = u128::MAX << 64;

/// The address that stands for all that this one's machine may call from: its own for IPv4, the first of its link's for IPv6.
#[must_use]
pub fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & LINK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machines_addresses_are_one() {
        let sites = |first: &str, second: &str| {
            let of = |text: &str| site(text.parse().expect("an address"));
            of(first) == of(second)
        };
        assert!(sites("2001:db8::1", "2001:db8::ffff:1:2:3"));
        assert!(!sites("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!sites("10.0.0.1", "10.0.0.2"));
        assert!(sites("::ffff:10.0.0.1", "10.0.0.1") && !sites("::ffff:10.0.0.1", "::ffff:10.0.0.2"));
    }
}
