//! How a task finds addresses: name servers and entries of its hosts file.

use std::net::IpAddr;

use super::{Invalid, Verdict};
use crate::pb;

/// In place of an address: the host, as the container's bridge sees it.
const HOST_GATEWAY: &str = "host-gateway";

pub(super) fn check(container: &pb::ContainerSpec) -> Verdict {
    container.hosts.iter().try_for_each(|line| host(line))?;
    let Some(dns) = &container.dns else { return Ok(()) };
    if let Some(wrong) = dns.nameservers.iter().find(|text| text.parse::<IpAddr>().is_err()) {
        return Err(Invalid::new(format!("invalid DNS address: {wrong:?} is not an IP address")));
    }
    // Each becomes a word of one line.
    let is_word = |text: &&String| text.is_empty() || text.contains(char::is_whitespace);
    match dns.search.iter().chain(&dns.options).find(is_word) {
        Some(wrong) => Err(Invalid::new(format!("invalid DNS search domain or option: {wrong:?}"))),
        None => Ok(()),
    }
}

/// `address name [alias…]`
fn host(line: &str) -> Verdict {
    let mut words = line.split_ascii_whitespace();
    let (address, name) = (words.next().unwrap_or_default(), words.next());
    let is_address = address == HOST_GATEWAY || address.parse::<IpAddr>().is_ok();
    if !is_address || name.is_none() || line.contains(['\n', '\r', '#']) {
        return Err(Invalid::new(format!(
            "ContainerSpec: invalid host entry {line:?}: want an address (or host-gateway), a name and its aliases"
        )));
    }
    Ok(())
}
