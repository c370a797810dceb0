//! IPv4 forwarding, without which no packet leaves a bridge.

use std::fs;

use crate::{Error, Result};

/// The switch of the network namespace of the thread that opens it.
const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";

/// Turns forwarding on. It stays on when the daemon ends, since the containers do.
pub(crate) fn enable_forwarding() -> Result<()> {
    let failed = |error| Error::kernel("turn on IPv4 forwarding")(error);
    // Where /proc/sys is read-only, whoever made it so may have turned it on.
    if fs::read_to_string(SWITCH).map_err(failed)?.trim() == "1" {
        return Ok(());
    }
    fault::point("network: turn on forwarding");
    fs::write(SWITCH, "1").map_err(failed)
}
