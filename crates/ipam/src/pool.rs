//! Pools of subnets: `--default-address-pool base=10.0.0.0/8,size=24`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::{Cidr, Error, Result};

/// Smaller blocks than this have no room for a gateway and a few containers.
const LARGEST_SIZE: u8 = 29;
/// The same in IPv6.
const LARGEST_SIZE_IPV6: u8 = 125;
/// What RFC 4193 gives each site of its own, and each of its subnets.
const SITE_LEN: u8 = 48;
const SUBNET_LEN: u8 = 64;

/// A block that is cut into subnets of equal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    base: Cidr,
    size: u8,
}

impl Pool {
    /// A pool over `base`, giving subnets with a prefix length of `size`.
    pub fn new(base: Cidr, size: u8) -> Result<Pool> {
        let largest = if base.is_ipv4() { LARGEST_SIZE } else { LARGEST_SIZE_IPV6 };
        if size < base.prefix_len() || size > largest {
            return Err(Error::InvalidPool { base, size, largest });
        }
        Ok(Pool { base: base.network(), size })
    }

    /// The pool of unique local addresses (RFC 4193) of the site whose number is `site`.
    pub fn unique_local(site: [u8; 5]) -> Pool {
        let [a, b, c, d, e] = site;
        let address = Ipv6Addr::from([0xfd, a, b, c, d, e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let base = Cidr::new(address, SITE_LEN).expect("a prefix length of at most 128");
        Pool { base, size: SUBNET_LEN }
    }

    /// The whole block.
    pub fn base(&self) -> Cidr {
        self.base
    }

    /// The prefix length of each subnet.
    pub fn size(&self) -> u8 {
        self.size
    }

    /// The lowest subnet that overlaps nothing of `taken`. What is in the way is stepped over as a whole, so that
    /// the search takes as many steps as there are blocks taken, however large the pool.
    fn first_free(self, taken: &[Cidr]) -> Option<Cidr> {
        let mut start = self.base.first_bits();
        loop {
            let candidate = Cidr::new(self.base.at(start), self.size).ok()?;
            let in_the_way = taken.iter().filter(|other| other.overlaps(candidate));
            let Some(last) = in_the_way.map(|other| other.last_bits()).max() else { return Some(candidate) };
            let last = last.max(candidate.last_bits()) | candidate.host_mask();
            if last >= self.base.last_bits() {
                return None;
            }
            start = last + 1;
        }
    }
}

/// Docker's predefined pools: 172.17–172.31 as /16 each, then 192.168.0.0/16 in /20 steps.
pub fn default_pools() -> Vec<Pool> {
    let block = |a, b, prefix_len, size| Pool {
        base: Cidr::new(Ipv4Addr::new(a, b, 0, 0), prefix_len).expect("a prefix length of at most 32"),
        size,
    };
    let mut pools: Vec<Pool> = (17..=31).map(|second| block(172, second, 16, 16)).collect();
    pools.push(block(192, 168, 16, 20));
    pools
}

/// The first subnet of the first pool that overlaps nothing of `taken`.
pub fn choose_subnet<'p>(pools: impl IntoIterator<Item = &'p Pool>, taken: &[Cidr]) -> Result<Cidr> {
    pools.into_iter().find_map(|pool| pool.first_free(taken)).ok_or(Error::PoolsExhausted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_free_subnet_is_chosen_in_order() {
        let taken = [cidr("172.17.0.1/16"), cidr("172.18.5.0/24")];
        assert_eq!(choose_subnet(&default_pools(), &taken), Ok(cidr("172.19.0.0/16")));
    }

    #[test]
    fn a_pool_ends_where_its_base_ends() {
        let pool = Pool::new(cidr("10.1.2.3/23"), 24).unwrap();
        let mut taken = Vec::new();
        while let Ok(subnet) = choose_subnet(&[pool], &taken) {
            taken.push(subnet);
        }
        assert_eq!(taken, [cidr("10.1.2.0/24"), cidr("10.1.3.0/24")]);
    }

    #[test]
    fn the_last_pool_of_all_does_not_overflow() {
        for (base, size, count) in [
            ("255.255.255.0/24", 29, 32),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120", 125, 32),
            ("0.0.0.0/0", 1, 2),
            ("::/0", 2, 4),
        ] {
            let pool = Pool::new(cidr(base), size).unwrap();
            let mut taken = Vec::new();
            while let Ok(subnet) = choose_subnet(&[pool], &taken) {
                taken.push(subnet);
            }
            assert_eq!(taken.len(), count, "{base}");
        }
    }

    #[test]
    fn a_wide_block_in_the_way_is_stepped_over() {
        let pool = Pool::new(cidr("fd00::/8"), 64).unwrap();
        let taken = [cidr("fd00::/9"), cidr("10.0.0.0/8"), cidr("fd80::1/128")];
        assert_eq!(choose_subnet(&[pool], &taken), Ok(cidr("fd80:0:0:1::/64")));
        assert_eq!(choose_subnet(&[pool], &[cidr("::/0")]), Err(Error::PoolsExhausted));
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert!(Pool::new(cidr("10.0.0.0/16"), 15).is_err());
        assert!(Pool::new(cidr("10.0.0.0/16"), 30).is_err());
        assert!(Pool::new(cidr("fd00::/64"), 126).is_err());
        assert!(Pool::new(cidr("fd00::/64"), 80).is_ok());
    }

    #[test]
    fn a_site_has_its_own_subnets() {
        let pool = Pool::unique_local([1, 2, 3, 4, 5]);
        assert_eq!(choose_subnet(&[pool], &[]), Ok(cidr("fd01:203:405::/64")));
    }
}
