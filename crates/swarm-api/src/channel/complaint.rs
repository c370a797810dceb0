//! Who was refused lately, so that a caller that tries again and again is logged once in a while and not each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// A caller is named again after so long.
const PERIOD: Duration = Duration::from_secs(60);
/// So many callers are told apart; those beyond go unnamed.
const CALLERS: usize = 1024;

/// The refusals of a while, by caller: an address, or a node.
#[derive(Debug)]
pub struct Complaints<C>(HashMap<C, Said>);

#[derive(Debug)]
struct Said {
    at: Instant,
    unsaid: u64,
}

impl<C> Default for Complaints<C> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<C: Eq + Hash> Complaints<C> {
    /// Notes a refusal. Some, if it is to be said, with the number of those of this caller that were not.
    pub fn note(&mut self, caller: C, now: Instant) -> Option<u64> {
        if let Some(said) = self.0.get_mut(&caller) {
            if now.duration_since(said.at) < PERIOD {
                said.unsaid += 1;
                return None;
            }
            said.at = now;
            return Some(std::mem::take(&mut said.unsaid));
        }
        if self.0.len() >= CALLERS {
            self.0.retain(|_, said| now.duration_since(said.at) < PERIOD);
        }
        if self.0.len() >= CALLERS {
            return None;
        }
        self.0.insert(caller, Said { at: now, unsaid: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn each_address_is_named_once_in_a_while() {
        let (mut complaints, begin) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.note(address(1), begin), Some(0));
        assert_eq!(complaints.note(address(2), begin), Some(0));
        for _ in 0..1000 {
            assert_eq!(complaints.note(address(1), begin + PERIOD / 2), None);
        }
        assert_eq!(complaints.note(address(1), begin + PERIOD), Some(1000));
        assert_eq!(complaints.note(address(1), begin + PERIOD), None);
    }

    #[test]
    fn many_addresses_take_no_more_room() {
        let (mut complaints, begin) = (Complaints::default(), Instant::now());
        for number in 0..100_000 {
            complaints.note(address(number), begin);
        }
        assert_eq!(complaints.0.len(), CALLERS);
        assert_eq!(complaints.note(address(200_000), begin + PERIOD), Some(0), "the old ones go");
    }
}
