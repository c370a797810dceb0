//! The kernel's switches under /proc/sys: forwarding, without which no packet leaves a bridge, and IPv6 on an
//! interface, which a machine may have turned off for all new ones.

use std::fs;
use std::path::Path;

use crate::{Error, Result};

/// The switches of the network namespace of the thread that opens them.
const SWITCH_V4: &str = "/proc/sys/net/ipv4/ip_forward";
const SWITCH_V6: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
const BRIDGED_V4: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
const BRIDGED_V6: &str = "/proc/sys/net/bridge/bridge-nf-call-ip6tables";
const INTERFACES_V6: &str = "/proc/sys/net/ipv6/conf";

/// Turns IPv4 forwarding on. It stays on when the daemon ends, since the containers do.
pub(crate) fn enable_forwarding() -> Result<()> {
    turn_on(SWITCH_V4, "turn on IPv4 forwarding")
}

/// Turns IPv6 forwarding on. A machine that forwards ignores what routers say, and would lose its own way out:
/// interfaces that listen to routers are told to go on listening first.
pub(crate) fn enable_forwarding_v6() -> Result<()> {
    if is_on(SWITCH_V6) {
        return Ok(());
    }
    for interface in fs::read_dir(INTERFACES_V6).into_iter().flatten().flatten() {
        let switch = interface.path().join("accept_ra");
        if is_on(&switch) {
            fault::point("network: go on listening to routers");
            let _ = fs::write(&switch, "2");
        }
    }
    turn_on(SWITCH_V6, "turn on IPv6 forwarding")
}

/// Whether packets between the ports of a bridge pass the rules too (`br_netfilter`), in both families.
pub(crate) fn bridged_packets_see_rules() -> bool {
    is_on(BRIDGED_V4) && is_on(BRIDGED_V6)
}

/// Turns IPv6 on for an interface of the network namespace this thread is in.
pub(super) fn allow_ipv6(interface: &str) -> Result<()> {
    let switch = format!("{INTERFACES_V6}/{interface}/disable_ipv6");
    if !is_on(&switch) {
        return Ok(());
    }
    fault::point("network: turn on IPv6 of an interface");
    fs::write(&switch, "0").map_err(Error::kernel(format!("turn on IPv6 of {interface}")))
}

/// Keeps an interface on a bridge of ours from asking who else has its address (nobody can) and where routers are (the
/// daemon has told it). Each such question goes to every port of the bridge, again and again without an answer, and an
/// answer could only come from another container that wants to be the router (CVE-2020-13401).
pub(super) fn ask_nobody(interface: &str) {
    for switch in ["accept_dad", "accept_ra"] {
        fault::point("network: quieten an interface");
        // Where /proc/sys is read-only, whoever made it so decides.
        let _ = fs::write(format!("{INTERFACES_V6}/{interface}/{switch}"), "0");
    }
}

fn turn_on(switch: &str, step: &'static str) -> Result<()> {
    // Where /proc/sys is read-only, whoever made it so may have turned it on.
    if is_on(switch) {
        return Ok(());
    }
    fault::point("network: turn on forwarding");
    fs::write(switch, "1").map_err(Error::kernel(step))
}

fn is_on(switch: impl AsRef<Path>) -> bool {
    fs::read_to_string(switch).is_ok_and(|text| text.trim() == "1")
}
