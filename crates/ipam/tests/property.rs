//! What must hold for every history of allocations and releases.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipam::{Addresses, Cidr, Error};
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

proptest! {
    #[test]
    fn no_address_is_held_twice(prefix_len in 24u8..=30, steps in prop::collection::vec(step(), 1..400)) {
        let subnet = Cidr::new(Ipv4Addr::new(10, 9, 8, 0), prefix_len).unwrap();
        let gateway = Ipv4Addr::new(10, 9, 8, 1);
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
                        prop_assert_eq!(error, Error::SubnetFull(subnet));
                        prop_assert_eq!(held.len() as u64, subnet.len() - 2);
                    }
                },
                Step::AllocateAt(last) => {
                    let wish = Ipv4Addr::new(10, 9, 8, last);
                    let possible = subnet.is_host(wish) && !held.contains(&wish);
                    prop_assert_eq!(addresses.allocate_at(wish).is_ok(), possible);
                    if possible {
                        held.insert(wish);
                    }
                }
                Step::Release(last) => {
                    let ip = Ipv4Addr::new(10, 9, 8, last);
                    if ip != gateway {
                        prop_assert_eq!(addresses.release(ip), held.remove(&ip));
                    }
                }
            }
            prop_assert_eq!(addresses.taken(), held.len() as u64);
        }
    }

    #[test]
    fn an_address_rests_for_a_whole_round(prefix_len in 24u8..=28) {
        let subnet = Cidr::new(Ipv4Addr::new(10, 9, 8, 0), prefix_len).unwrap();
        let mut addresses = Addresses::new(subnet);
        let first = addresses.allocate().unwrap();
        addresses.release(first);
        for _ in 0..subnet.len() - 3 {
            let ip = addresses.allocate().unwrap();
            prop_assert_ne!(ip, first);
            addresses.release(ip);
        }
        prop_assert_eq!(addresses.allocate().unwrap(), first);
    }
}
