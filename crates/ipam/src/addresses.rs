//! The addresses of one subnet: which are taken, and which comes next.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cidr::bits;
use crate::{Cidr, Error, Result};

const WORD_BITS: u128 = u64::BITS as u128;

/// Hands out the addresses of a subnet, each at most once at a time.
///
/// The search starts behind the address given last and wraps at the end of the range: an address that came back
/// is given again only after all others, so that a peer's stale neighbour or connection entry has time to die.
/// Taken addresses are bits in 64-bit words, and only words with a bit set exist: a full /16 takes a few
/// kilobytes, an empty /8 of IPv4 or /64 of IPv6 nothing.
#[derive(Debug, Clone)]
pub struct Addresses {
    subnet: Cidr,
    range: Cidr,
    taken: BTreeMap<u128, u64>,
    /// Where the next search starts, as an address.
    next: u128,
}

impl Addresses {
    /// An allocator over all host addresses of `subnet`.
    pub fn new(subnet: Cidr) -> Addresses {
        let subnet = subnet.network();
        Addresses { subnet, range: subnet, taken: BTreeMap::new(), next: subnet.first_bits() }
    }

    /// An allocator that gives addresses of `range` only (`--fixed-cidr`, `--ip-range`), while
    /// [`Addresses::allocate_at`] still accepts all of `subnet`.
    pub fn with_range(subnet: Cidr, range: Cidr) -> Result<Addresses> {
        let (subnet, range) = (subnet.network(), range.network());
        if !subnet.covers(range) {
            return Err(Error::RangeOutsideSubnet { range, subnet });
        }
        Ok(Addresses { subnet, range, taken: BTreeMap::new(), next: range.first_bits() })
    }

    /// The subnet, host bits cleared.
    pub fn subnet(&self) -> Cidr {
        self.subnet
    }

    /// The part of the subnet that [`Addresses::allocate`] gives from.
    pub fn range(&self) -> Cidr {
        self.range
    }

    /// Takes the next free address of the range.
    pub fn allocate(&mut self) -> Result<IpAddr> {
        let (first, last) = (self.range.first_bits(), self.range.last_bits());
        let found = self
            .free_between(self.next.max(first), last)
            .or_else(|| self.free_between(first, self.next.clamp(first, last)))
            .ok_or(Error::SubnetFull { range: self.range })?;
        self.set(found);
        self.next = if found == last { first } else { found + 1 };
        Ok(self.subnet.at(found))
    }

    /// Takes this very address (`--ip`, a gateway, or one found in use at start).
    pub fn allocate_at(&mut self, address: IpAddr) -> Result<()> {
        if !self.subnet.is_host(address) {
            return Err(Error::OutsideSubnet { address, subnet: self.subnet });
        }
        if self.is_taken(address) {
            return Err(Error::InUse(address));
        }
        self.set(bits(address));
        Ok(())
    }

    /// Gives an address back. Answers whether it was taken.
    pub fn release(&mut self, address: IpAddr) -> bool {
        if !self.subnet.contains(address) {
            return false;
        }
        let (word, bit) = position(bits(address));
        let Some(bits) = self.taken.get_mut(&word) else { return false };
        let was_taken = *bits & bit != 0;
        *bits &= !bit;
        if *bits == 0 {
            self.taken.remove(&word);
        }
        was_taken
    }

    /// Whether somebody holds the address.
    pub fn is_taken(&self, address: IpAddr) -> bool {
        let (word, bit) = position(bits(address));
        self.subnet.contains(address) && self.taken.get(&word).is_some_and(|bits| bits & bit != 0)
    }

    /// How many addresses are held.
    pub fn taken(&self) -> u64 {
        self.taken.values().map(|bits| u64::from(bits.count_ones())).sum()
    }

    fn set(&mut self, address: u128) {
        let (word, bit) = position(address);
        *self.taken.entry(word).or_insert(0) |= bit;
    }

    /// The lowest free host address in `from..=to`, skipping whole full words.
    fn free_between(&self, from: u128, to: u128) -> Option<u128> {
        let mut candidate = from;
        while candidate <= to {
            let word = candidate / WORD_BITS;
            let offset = candidate % WORD_BITS;
            let bits = self.taken.get(&word).copied().unwrap_or(0) >> offset;
            let run = u128::from(bits.trailing_ones()).min(WORD_BITS - offset);
            if run == 0 {
                if self.subnet.is_host(self.subnet.at(candidate)) {
                    return Some(candidate);
                }
                candidate = candidate.checked_add(1)?;
            } else {
                candidate = candidate.checked_add(run)?;
            }
        }
        None
    }
}

fn position(address: u128) -> (u128, u64) {
    (address / WORD_BITS, 1 << (address % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn the_gateway_the_network_and_the_broadcast_address_are_never_given() {
        let mut addresses = Addresses::new(cidr("10.0.0.0/29"));
        addresses.allocate_at(Ipv4Addr::new(10, 0, 0, 1).into()).unwrap();
        let given: Vec<_> =
            std::iter::from_fn(|| addresses.allocate().ok()).map(|ip| ip.to_string()).collect();
        assert_eq!(given, ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
        assert_eq!(addresses.allocate(), Err(Error::SubnetFull { range: cidr("10.0.0.0/29") }));
    }

    #[test]
    fn a_released_address_comes_back_last() {
        let mut addresses = Addresses::new(cidr("10.0.0.0/29"));
        let first = addresses.allocate().unwrap();
        assert!(addresses.release(first));
        assert!(!addresses.release(first));
        let mut rest = Vec::new();
        for _ in 0..6 {
            rest.push(addresses.allocate().unwrap());
        }
        assert_eq!(rest.last(), Some(&first));
    }

    #[test]
    fn a_range_bounds_choices_but_not_wishes() {
        let mut addresses = Addresses::with_range(cidr("10.0.0.0/16"), cidr("10.0.7.0/30")).unwrap();
        let given: Vec<_> = std::iter::from_fn(|| addresses.allocate().ok()).collect();
        assert_eq!(given.len(), 4);
        assert!(given.iter().all(|ip| cidr("10.0.7.0/30").contains(*ip)));
        addresses.allocate_at(Ipv4Addr::new(10, 0, 200, 1).into()).unwrap();
        assert!(Addresses::with_range(cidr("10.0.0.0/16"), cidr("10.1.0.0/24")).is_err());
    }

    #[test]
    fn wishes_outside_the_subnet_or_twice_are_refused() {
        let mut addresses = Addresses::new(cidr("10.0.0.0/24"));
        let wish = IpAddr::from([10, 0, 0, 9]);
        addresses.allocate_at(wish).unwrap();
        assert_eq!(addresses.allocate_at(wish), Err(Error::InUse(wish)));
        for outside in [Ipv4Addr::new(10, 0, 1, 1), Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(10, 0, 0, 255)]
        {
            assert!(matches!(addresses.allocate_at(outside.into()), Err(Error::OutsideSubnet { .. })));
        }
    }

    #[test]
    fn the_end_of_the_address_space_is_no_trap() {
        let mut addresses = Addresses::new(cidr("255.255.255.248/29"));
        let given = std::iter::from_fn(|| addresses.allocate().ok()).count();
        assert_eq!(given, 6);
    }

    #[test]
    fn ipv6_goes_on_from_the_gateway_and_ends_at_its_last_address() {
        let mut addresses = Addresses::new(cidr("fd00::/64"));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        addresses.allocate_at(ip("fd00::1")).unwrap();
        assert_eq!(addresses.allocate(), Ok(ip("fd00::2")));
        assert_eq!(addresses.allocate_at(ip("fd00::2")), Err(Error::InUse(ip("fd00::2"))));
        addresses.allocate_at(ip("fd00::ffff:ffff:ffff:ffff")).unwrap();
        assert!(!addresses.release(ip("10.0.0.1")), "of the other family");
        let mut last = Addresses::new(cidr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8/125"));
        assert_eq!(std::iter::from_fn(|| last.allocate().ok()).count(), 7);
        assert_eq!(
            last.allocate().unwrap_err().to_string(),
            "no available IPv6 addresses on this network's address pools: \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8/125"
        );
    }
}
