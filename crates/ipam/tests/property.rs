//! What must hold for every history of allocations and releases.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam::{Addresses, Cidr, Error, Pool, choose_subnet};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Allocate,
    AllocateAt(u8),
    Release(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Allocate),
        1 => any::<u8>().prop_map(Step::AllocateAt),
        2 => any::<u8>().prop_map(Step::Release),
    ]
}

/// The address with this last octet in the family's test subnet.
fn ip(ipv6: bool, last: u8) -> IpAddr {
    if ipv6 {
        Ipv6Addr::new(0xfd09, 8, 7, 6, 0, 0, 0xffff, 0xff00 | u16::from(last)).into()
    } else {
        Ipv4Addr::new(10, 9, 8, last).into()
    }
}

fn subnet(ipv6: bool, free_bits: u8) -> Cidr {
    Cidr::new(ip(ipv6, 0), if ipv6 { 128 } else { 32 } - free_bits).unwrap()
}

/// How many addresses of the block nobody may have.
fn reserved(ipv6: bool) -> u128 {
    if ipv6 { 1 } else { 2 }
}

fn block() -> impl Strategy<Value = Cidr> {
    let four = (any::<u32>(), 0u8..=32).prop_map(|(bits, len)| Cidr::new(Ipv4Addr::from(bits), len).unwrap());
    let six =
        (any::<u128>(), 0u8..=128).prop_map(|(bits, len)| Cidr::new(Ipv6Addr::from(bits), len).unwrap());
    prop_oneof![four, six]
}

proptest! {
    #[test]
    fn no_address_is_held_twice(ipv6: bool, free_bits in 2u8..=8, steps in prop::collection::vec(step(), 1..400)) {
        let subnet = subnet(ipv6, free_bits);
        let gateway = ip(ipv6, 1);
        let mut addresses = Addresses::new(subnet);
        addresses.allocate_at(gateway).unwrap();
        let mut held = BTreeSet::from([gateway]);
        for step in steps {
            match step {
                Step::Allocate => match addresses.allocate() {
                    Ok(ip) => {
                        prop_assert!(subnet.is_host(ip));
                        prop_assert!(held.insert(ip), "{ip} given twice");
                    }
                    Err(error) => {
                        prop_assert_eq!(error, Error::SubnetFull { range: subnet });
                        prop_assert_eq!(held.len() as u128, subnet.len() - reserved(ipv6));
                    }
                },
                Step::AllocateAt(last) => {
                    let wish = ip(ipv6, last);
                    let possible = subnet.is_host(wish) && !held.contains(&wish);
                    prop_assert_eq!(addresses.allocate_at(wish).is_ok(), possible);
                    if possible {
                        held.insert(wish);
                    }
                }
                Step::Release(last) => {
                    let ip = ip(ipv6, last);
                    if ip != gateway {
                        prop_assert_eq!(addresses.release(ip), held.remove(&ip));
                    }
                }
            }
            prop_assert_eq!(addresses.taken(), held.len() as u64);
        }
    }

    #[test]
    fn an_address_rests_for_a_whole_round(ipv6: bool, free_bits in 4u8..=8) {
        let subnet = subnet(ipv6, free_bits);
        let mut addresses = Addresses::new(subnet);
        let first = addresses.allocate().unwrap();
        addresses.release(first);
        for _ in 0..subnet.len() - reserved(ipv6) - 1 {
            let ip = addresses.allocate().unwrap();
            prop_assert_ne!(ip, first);
            addresses.release(ip);
        }
        prop_assert_eq!(addresses.allocate().unwrap(), first);
    }

    #[test]
    fn a_chosen_subnet_is_clear_of_all_and_inside_its_pool(
        base in block(),
        wider in 0u8..=12,
        taken in prop::collection::vec(block(), 0..12),
    ) {
        let Ok(pool) = Pool::new(base, base.prefix_len().saturating_add(wider)) else { return Ok(()) };
        if let Ok(subnet) = choose_subnet(&[pool], &taken) {
            prop_assert!(pool.base().covers(subnet));
            prop_assert_eq!(subnet.prefix_len(), pool.size());
            prop_assert!(taken.iter().all(|other| !other.overlaps(subnet)));
        } else {
            prop_assert!(taken.iter().any(|other| other.overlaps(base)));
        }
    }

    #[test]
    fn blocks_are_read_as_written(block in block()) {
        prop_assert_eq!(block.to_string().parse::<Cidr>().unwrap(), block);
        prop_assert!(block.contains(block.first()) && block.contains(block.last()));
    }
}
