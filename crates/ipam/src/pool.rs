//! Pools of subnets: `--default-address-pool base=10.0.0.0/8,size=24`.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Cidr, Error, Result};

/// Smaller blocks than this have no room for a gateway and a few containers.
const LARGEST_SIZE: u8 = 29;

/// A block that is cut into subnets of equal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    base: Cidr,
    size: u8,
}

impl Pool {
    /// A pool over `base`, giving subnets with a prefix length of `size`.
    pub fn new(base: Cidr, size: u8) -> Result<Pool> {
        if size < base.prefix_len() || size > LARGEST_SIZE {
            return Err(Error::InvalidPool { base, size });
        }
        Ok(Pool { base: base.network(), size })
    }

    /// The whole block.
    pub fn base(&self) -> Cidr {
        self.base
    }

    /// The prefix length of each subnet.
    pub fn size(&self) -> u8 {
        self.size
    }

    /// The subnets in ascending order.
    fn subnets(self) -> impl Iterator<Item = Cidr> {
        let count = 1u64 << (self.size - self.base.prefix_len());
        let step = 1u64 << (32 - u32::from(self.size));
        let first = u64::from(u32::from(self.base.first()));
        (0..count).filter_map(move |index| {
            let address = u32::try_from(first + index * step).ok()?;
            Cidr::new(Ipv4Addr::from(address), self.size).ok()
        })
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
pub fn choose_subnet(pools: &[Pool], taken: &[Cidr]) -> Result<Cidr> {
    pools
        .iter()
        .flat_map(|pool| pool.subnets())
        .find(|subnet| !taken.iter().any(|other| other.overlaps(*subnet)))
        .ok_or(Error::PoolsExhausted)
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
        let subnets: Vec<_> = pool.subnets().collect();
        assert_eq!(subnets, [cidr("10.1.2.0/24"), cidr("10.1.3.0/24")]);
        assert_eq!(choose_subnet(&[pool], &subnets), Err(Error::PoolsExhausted));
    }

    #[test]
    fn the_last_pool_of_all_does_not_overflow() {
        let pool = Pool::new(cidr("255.255.255.0/24"), 29).unwrap();
        assert_eq!(pool.subnets().count(), 32);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert!(Pool::new(cidr("10.0.0.0/16"), 15).is_err());
        assert!(Pool::new(cidr("10.0.0.0/16"), 30).is_err());
    }
}
