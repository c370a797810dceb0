//! Which ports of the host to try.

use std::ops::RangeInclusive;

use crate::{Error, HostPort, Result};

/// The ports nobody is assigned (RFC 6335), as Docker chooses them.
const EPHEMERAL: RangeInclusive<u16> = 49153..=u16::MAX;
/// If so many ports in a row are held by other programs, the machine has another problem.
const EPHEMERAL_ATTEMPTS: usize = 1024;

/// Where the search for ephemeral ports starts.
pub(super) const FIRST_EPHEMERAL: u16 = *EPHEMERAL.start();

/// The ports to try for a wish, in order. Ephemeral ones go on from `next`, so that a port rests before it is given
/// again.
pub(super) fn candidates(wish: HostPort, next: u16) -> Result<Vec<u16>> {
    match wish {
        HostPort::Range { first, last } if first == 0 || first > last => {
            Err(Error::InvalidConfig(format!("invalid host port range {first}-{last}")))
        }
        HostPort::Range { first, last } => Ok((first..=last).collect()),
        HostPort::Ephemeral => {
            let behind = next.max(*EPHEMERAL.start())..=*EPHEMERAL.end();
            Ok(behind.chain(EPHEMERAL).take(EPHEMERAL_ATTEMPTS).collect())
        }
    }
}

/// The ephemeral port to try after this one.
pub(super) fn after(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(*EPHEMERAL.start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ephemeral_ports_go_round() {
        let tried = candidates(HostPort::Ephemeral, 65534).unwrap();
        assert_eq!(tried[..4], [65534, 65535, 49153, 49154]);
        assert_eq!(after(65535), 49153);
    }

    #[test]
    fn ranges_are_taken_in_order_and_checked() {
        assert_eq!(candidates(HostPort::Range { first: 80, last: 82 }, 0).unwrap(), [80, 81, 82]);
        assert!(candidates(HostPort::Range { first: 82, last: 80 }, 0).is_err());
        assert!(candidates(HostPort::Range { first: 0, last: 0 }, 0).is_err());
    }
}
