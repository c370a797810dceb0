//! The addresses of one subnet: which are taken, and which comes next.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::{Cidr, Error, Result};

const WORD_BITS: u32 = u64::BITS;

/// Hands out the addresses of a subnet, each at most once at a time.
///
/// The search starts behind the address given last and wraps at the end of the range: an address that came back
/// is given again only after all others, so that a peer's stale neighbour or connection entry has time to die.
/// Taken addresses are bits in 64-bit words, and only words with a bit set exist: a full /16 takes a few
/// kilobytes, an empty /8 nothing.
#[derive(Debug, Clone)]
pub struct Addresses {
    subnet: Cidr,
    range: Cidr,
    taken: BTreeMap<u32, u64>,
    /// Where the next search starts, as an address.
    next: u32,
}

impl Addresses {
    /// An allocator over all host addresses of `subnet`.
    pub fn new(subnet: Cidr) -> Addresses {
        let subnet = subnet.network();
        Addresses { subnet, range: subnet, taken: BTreeMap::new(), next: u32::from(subnet.first()) }
    }

    /// An allocator that gives addresses of `range` only (`--fixed-cidr`, `--ip-range`), while
    /// [`Addresses::allocate_at`] still accepts all of `subnet`.
    pub fn with_range(subnet: Cidr, range: Cidr) -> Result<Addresses> {
        let (subnet, range) = (subnet.network(), range.network());
        if !subnet.covers(range) {
            return Err(Error::RangeOutsideSubnet { range, subnet });
        }
        Ok(Addresses { subnet, range, taken: BTreeMap::new(), next: u32::from(range.first()) })
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
    pub fn allocate(&mut self) -> Result<Ipv4Addr> {
        let (first, last) = (u32::from(self.range.first()), u32::from(self.range.last()));
        let found = self
            .free_between(self.next.max(first), last)
            .or_else(|| self.free_between(first, self.next.clamp(first, last)))
            .ok_or(Error::SubnetFull(self.range))?;
        self.set(found);
        self.next = if found == last { first } else { found + 1 };
        Ok(Ipv4Addr::from(found))
    }

    /// Takes this very address (`--ip`, a gateway, or one found in use at start).
    pub fn allocate_at(&mut self, address: Ipv4Addr) -> Result<()> {
        if !self.subnet.is_host(address) {
            return Err(Error::OutsideSubnet { address, subnet: self.subnet });
        }
        if self.is_taken(address) {
            return Err(Error::InUse(address));
        }
        self.set(u32::from(address));
        Ok(())
    }

    /// Gives an address back. Answers whether it was taken.
    pub fn release(&mut self, address: Ipv4Addr) -> bool {
        let (word, bit) = position(u32::from(address));
        let Some(bits) = self.taken.get_mut(&word) else { return false };
        let was_taken = *bits & bit != 0;
        *bits &= !bit;
        if *bits == 0 {
            self.taken.remove(&word);
        }
        was_taken
    }

    /// Whether somebody holds the address.
    pub fn is_taken(&self, address: Ipv4Addr) -> bool {
        let (word, bit) = position(u32::from(address));
        self.taken.get(&word).is_some_and(|bits| bits & bit != 0)
    }

    /// How many addresses are held.
    pub fn taken(&self) -> u64 {
        self.taken.values().map(|bits| u64::from(bits.count_ones())).sum()
    }

    fn set(&mut self, address: u32) {
        let (word, bit) = position(address);
        *self.taken.entry(word).or_insert(0) |= bit;
    }

    /// The lowest free host address in `from..=to`, skipping whole full words.
    fn free_between(&self, from: u32, to: u32) -> Option<u32> {
        let mut candidate = from;
        while candidate <= to {
            let word = candidate / WORD_BITS;
            let offset = candidate % WORD_BITS;
            let bits = self.taken.get(&word).copied().unwrap_or(0) >> offset;
            let run = bits.trailing_ones().min(WORD_BITS - offset);
            if run == 0 {
                if self.subnet.is_host(Ipv4Addr::from(candidate)) {
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

fn position(address: u32) -> (u32, u64) {
    (address / WORD_BITS, 1 << (address % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn the_gateway_the_network_and_the_broadcast_address_are_never_given() {
        let mut addresses = Addresses::new(cidr("10.0.0.0/29"));
        addresses.allocate_at(Ipv4Addr::new(10, 0, 0, 1)).unwrap();
        let given: Vec<u8> =
            std::iter::from_fn(|| addresses.allocate().ok()).map(|ip| ip.octets()[3]).collect();
        assert_eq!(given, [2, 3, 4, 5, 6]);
        assert_eq!(addresses.allocate(), Err(Error::SubnetFull(cidr("10.0.0.0/29"))));
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
        addresses.allocate_at(Ipv4Addr::new(10, 0, 200, 1)).unwrap();
        assert!(Addresses::with_range(cidr("10.0.0.0/16"), cidr("10.1.0.0/24")).is_err());
    }

    #[test]
    fn wishes_outside_the_subnet_or_twice_are_refused() {
        let mut addresses = Addresses::new(cidr("10.0.0.0/24"));
        let wish = Ipv4Addr::new(10, 0, 0, 9);
        addresses.allocate_at(wish).unwrap();
        assert_eq!(addresses.allocate_at(wish), Err(Error::InUse(wish)));
        for outside in [Ipv4Addr::new(10, 0, 1, 1), Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(10, 0, 0, 255)]
        {
            assert!(matches!(addresses.allocate_at(outside), Err(Error::OutsideSubnet { .. })));
        }
    }

    #[test]
    fn the_end_of_the_address_space_is_no_trap() {
        let mut addresses = Addresses::new(cidr("255.255.255.248/29"));
        let given = std::iter::from_fn(|| addresses.allocate().ok()).count();
        assert_eq!(given, 6);
    }
}
