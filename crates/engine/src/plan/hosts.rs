//! `ExtraHosts`: lines of `/etc/hosts`.

use crate::spec::Invalid;
use std::net::IpAddr;

/// One line of `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtraHost {
    pub(crate) name: String,
    pub(crate) address: HostAddress,
}

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostAddress {
    Ip(IpAddr),
    /// `host-gateway`: the host, as the container's bridge sees it.
    Gateway,
}

pub(super) fn plan(lines: &[String]) -> Result<Vec<ExtraHost>, Invalid> {
    lines.iter().map(|line| parse(line).ok_or_else(|| Invalid::ExtraHost(line.clone()))).collect()
}

/// `name:address` or `name=address`; an IPv6 address may stand in brackets.
fn parse(line: &str) -> Option<ExtraHost> {
    let (name, address) = line.split_once(['=', ':'])?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return None;
    }
    if address == "host-gateway" {
        return Some(ExtraHost { name: name.to_owned(), address: HostAddress::Gateway });
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    Some(ExtraHost { name: name.to_owned(), address: HostAddress::Ip(bare.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_separators_and_both_families() {
        for line in ["db:10.0.0.5", "db=10.0.0.5", "db:::1", "db:[::1]", "db:host-gateway"] {
            assert_eq!(parse(line).unwrap().name, "db", "{line}");
        }
        for line in ["", "db", ":1.2.3.4", "db:", "db:1.2.3", "d b:1.2.3.4", "db:1.2.3.4\nevil:1.1.1.1"] {
            assert!(parse(line).is_none(), "{line:?}");
        }
    }
}
