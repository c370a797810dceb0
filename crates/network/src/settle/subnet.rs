//! Subnets, gateways, ranges and reserved addresses.

use std::net::IpAddr;

use ipam::{Addresses, Cidr};

use super::{BridgeOptions, GatewayMode, Ground};
use crate::{Driver, Error, NetworkRequest, Result, Subnet, SubnetRequest};

/// The subnets of a network: those asked for, and one out of the pools for a family that has none.
pub(super) fn settle_subnets(
    request: &NetworkRequest,
    driver: Driver,
    (enable_ipv4, enable_ipv6): (bool, bool),
    ground: &Ground<'_>,
) -> Result<Vec<Subnet>> {
    let mut settled = read_subnets(&request.subnets, enable_ipv4, enable_ipv6)?;
    if driver.is_bridge() {
        for ipv4 in [true, false] {
            if settled.iter().filter(|subnet| subnet.subnet.is_ipv4() == ipv4).count() > 1 {
                return Err(Error::Forbidden("bridge driver doesn't support multiple subnets".to_owned()));
            }
        }
    }
    let ours: Vec<Cidr> =
        ground.records.iter().flat_map(|record| &record.subnets).map(|subnet| subnet.subnet).collect();
    for (index, subnet) in settled.iter().enumerate() {
        let own = settled[..index].iter().map(|other| &other.subnet);
        if ours.iter().chain(own).any(|other| other.overlaps(subnet.subnet)) {
            return Err(Error::Overlap);
        }
    }
    // What a user names may lie on the way to somewhere; what we choose does not.
    let mut taken = [ours.as_slice(), ground.taken].concat();
    for (enabled, ipv4) in [(enable_ipv4, true), (enable_ipv6, false)] {
        if enabled && !settled.iter().any(|subnet| subnet.subnet.is_ipv4() == ipv4) {
            taken.extend(settled.iter().map(|subnet| subnet.subnet));
            let pools = ground.pools.iter().filter(|pool| pool.base().is_ipv4() == ipv4);
            let subnet = ipam::choose_subnet(pools, &taken)?;
            settled.push(Subnet { subnet, ip_range: None, gateway: None, aux_addresses: Default::default() });
        }
    }
    settled.sort_by_key(|subnet| subnet.subnet.is_ipv6());
    for subnet in &mut settled {
        settle_gateway(subnet, has_gateway(request, driver, subnet.subnet.is_ipv4())?)?;
    }
    Ok(settled)
}

/// Whether the network has a gateway even if nobody asks for one.
fn has_gateway(request: &NetworkRequest, driver: Driver, ipv4: bool) -> Result<bool> {
    if !driver.is_bridge() {
        // The parent's network has one of its own.
        return Ok(!request.internal);
    }
    let options = BridgeOptions::read(&request.options)?;
    let mode = if ipv4 { options.mode_v4 } else { options.mode_v6 };
    Ok(mode != GatewayMode::Isolated)
}

/// Everything that is wrong with the subnets is told at once, as Docker does.
fn read_subnets(requests: &[SubnetRequest], enable_ipv4: bool, enable_ipv6: bool) -> Result<Vec<Subnet>> {
    let (mut settled, mut wrong) = (Vec::new(), Vec::new());
    for request in requests.iter().filter(|request| **request != SubnetRequest::default()) {
        match read_subnet(request) {
            Ok(subnet) if subnet.subnet.is_ipv4() && !enable_ipv4 => {
                wrong.push(format!(
                    "invalid subnet {}: IPv4 has not been enabled for this network",
                    subnet.subnet
                ));
            }
            Ok(subnet) if subnet.subnet.is_ipv6() && !enable_ipv6 => {
                wrong.push(format!(
                    "invalid subnet {}: IPv6 has not been enabled for this network",
                    subnet.subnet
                ));
            }
            Ok(subnet) => settled.push(subnet),
            Err(reasons) => wrong.extend(reasons),
        }
    }
    if wrong.is_empty() {
        Ok(settled)
    } else {
        Err(Error::InvalidRequest(format!("invalid network config:\n{}", wrong.join("\n"))))
    }
}

fn read_subnet(request: &SubnetRequest) -> std::result::Result<Subnet, Vec<String>> {
    let subnet = block("subnet", &request.subnet).map_err(|reason| vec![reason])?;
    let mut wrong = Vec::new();
    let mut ip_range = None;
    if !request.ip_range.is_empty() {
        match block("ip-range", &request.ip_range).and_then(|range| inside(range, subnet)) {
            Ok(range) => ip_range = (range != subnet).then_some(range),
            Err(reason) => wrong.push(reason),
        }
    }
    let mut gateway = None;
    if !request.gateway.is_empty() {
        match request.gateway.parse::<IpAddr>() {
            Err(_) => wrong.push(format!("invalid gateway {}: invalid address", request.gateway)),
            Ok(address) => match belongs("gateway", address, subnet) {
                Ok(()) => gateway = Some(address),
                Err(reason) => wrong.push(reason),
            },
        }
    }
    for address in request.aux_addresses.values() {
        wrong.extend(belongs("auxiliary address", *address, subnet).err());
    }
    if wrong.is_empty() {
        Ok(Subnet { subnet, ip_range, gateway, aux_addresses: request.aux_addresses.clone() })
    } else {
        Err(wrong)
    }
}

fn block(what: &str, text: &str) -> std::result::Result<Cidr, String> {
    let cidr: Cidr =
        text.parse().map_err(|_| format!("invalid {what} {text}: invalid CIDR block notation"))?;
    if cidr.address() != cidr.first() {
        return Err(format!("invalid {what} {text}: it should be {}", cidr.network()));
    }
    Ok(cidr)
}

fn inside(range: Cidr, subnet: Cidr) -> std::result::Result<Cidr, String> {
    if range.is_ipv4() == subnet.is_ipv4() && range.prefix_len() < subnet.prefix_len() {
        return Err(format!(
            "invalid ip-range {range}: CIDR block is bigger than its parent subnet {subnet}"
        ));
    }
    if !subnet.covers(range) {
        return Err(format!("invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range"));
    }
    Ok(range)
}

fn belongs(what: &str, address: IpAddr, subnet: Cidr) -> std::result::Result<(), String> {
    if address.is_ipv4() != subnet.is_ipv4() {
        let family = if subnet.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(format!("invalid {what} {address}: parent subnet is an {family} block"));
    }
    if !subnet.contains(address) {
        return Err(format!("invalid {what} {address}: parent subnet {subnet} doesn't contain this address"));
    }
    Ok(())
}

/// Checks that a wished gateway is nobody else's, or takes the first address that is.
fn settle_gateway(subnet: &mut Subnet, wanted: bool) -> Result<()> {
    let mut addresses = allocator(subnet.subnet, subnet.ip_range)?;
    for address in subnet.aux_addresses.values() {
        addresses.allocate_at(*address)?;
    }
    match subnet.gateway {
        Some(gateway) => addresses.allocate_at(gateway)?,
        None if wanted => subnet.gateway = Some(addresses.allocate()?),
        None => {}
    }
    Ok(())
}

/// An allocator for a subnet of which nothing is taken yet.
pub(crate) fn allocator(subnet: Cidr, range: Option<Cidr>) -> ipam::Result<Addresses> {
    match range {
        Some(range) => Addresses::with_range(subnet, range),
        None => Ok(Addresses::new(subnet)),
    }
}
