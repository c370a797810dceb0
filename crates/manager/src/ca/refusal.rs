//! How often an address may be refused a certificate before it is not even heard.
//!
//! A token cannot be guessed; this bounds what guessing costs the managers.

use std::collections::HashMap;
use std::net::IpAddr;

/// So many refusals in a row,
const BURST: f64 = 50.0;
/// and so many more each second.
const PER_SECOND: f64 = 5.0;
/// Addresses told apart; when there are more, those not refused lately are forgotten.
const ADDRESSES: usize = 4096;
const SECOND_NS: f64 = 1e9;

/// The refusals of lately, by address.
#[derive(Debug, Default)]
pub(crate) struct Refusals(HashMap<IpAddr, Bucket>);

#[derive(Debug)]
struct Bucket {
    level: f64,
    at_ns: i64,
}

impl Bucket {
    fn level(&self, now_ns: i64) -> f64 {
        let passed = now_ns.saturating_sub(self.at_ns).max(0) as f64 / SECOND_NS;
        (self.level - passed * PER_SECOND).max(0.0)
    }
}

impl Refusals {
    /// Whether this address is heard.
    pub(crate) fn hears(&self, address: IpAddr, now_ns: i64) -> bool {
        match self.0.get(&address) {
            Some(bucket) => bucket.level(now_ns) < BURST,
            None => true,
        }
    }

    /// Notes that this address was refused.
    pub(crate) fn note(&mut self, address: IpAddr, now_ns: i64) {
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&address) {
            self.0.retain(|_, bucket| bucket.level(now_ns) > BURST / 2.0);
        }
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&address) {
            return;
        }
        let bucket = self.0.entry(address).or_insert(Bucket { level: 0.0, at_ns: now_ns });
        *bucket = Bucket { level: bucket.level(now_ns) + 1.0, at_ns: now_ns };
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn who_is_refused_again_and_again_is_not_heard_for_a_while() {
        let mut refusals = Refusals::default();
        for _ in 0..50 {
            assert!(refusals.hears(address(1), 0));
            refusals.note(address(1), 0);
        }
        assert!(!refusals.hears(address(1), 0) && refusals.hears(address(2), 0));
        assert!(refusals.hears(address(1), SECOND));
    }

    #[test]
    fn it_takes_no_more_room_than_said() {
        let mut refusals = Refusals::default();
        for number in 0..50_000 {
            refusals.note(address(number), i64::from(number));
        }
        assert!(refusals.0.len() <= ADDRESSES);
    }
}
