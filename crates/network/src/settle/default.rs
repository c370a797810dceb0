//! The default bridge: what the daemon's flags say, and else what is there.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::{Addresses, Cidr, Pool};

use super::{BridgeOptions, interface_name};
use crate::network_name::{BRIDGE, plain_network};
use crate::{Driver, Endpoint, Error, NetworkConfig, NetworkRecord, Result, Subnet};

/// nftables refuses longer names.
const NAME_LIMIT: usize = 128;

/// Whether this daemon can be called so, and its bridge.
pub(crate) fn check_config(config: &NetworkConfig) -> Result<()> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if config.name.is_empty() || config.name.len() > NAME_LIMIT || !plain(&config.name) {
        return Err(Error::InvalidConfig(format!(
            "invalid daemon name {:?}: at most {NAME_LIMIT} letters, digits, '-', '_' and '.'",
            config.name
        )));
    }
    interface_name(&config.bridge.name).map(drop)
}

/// The record of the default bridge.
pub(crate) fn default_bridge<'e>(
    config: &NetworkConfig,
    present: Option<Cidr>,
    live: impl Iterator<Item = &'e Endpoint>,
    pools: &[Pool],
    taken: &[Cidr],
) -> Result<NetworkRecord> {
    let wanted = &config.bridge;
    let plain = plain_network(&config.name, BRIDGE, Driver::Bridge);
    let own: Vec<&Endpoint> = live.filter(|endpoint| endpoint.network_id == plain.id).collect();
    let address = choose_address(config, present, &own, pools, taken)?;
    let mut subnets = vec![subnet(address, wanted.fixed_cidr)?];
    if wanted.ipv6 {
        let address = choose_address_v6(config, &own, pools, taken)?;
        subnets.push(subnet(address, None)?);
    }
    let options = BridgeOptions {
        name: Some(wanted.name.clone()),
        icc: wanted.icc,
        masquerade: wanted.masquerade,
        host_binding: wanted.host_ip,
        mtu: Some(wanted.mtu),
        ..BridgeOptions::default()
    };
    Ok(NetworkRecord {
        subnets,
        enable_ipv6: wanted.ipv6,
        options: options.tell_default(),
        interface: wanted.name.clone(),
        mtu: wanted.mtu,
        ..plain
    })
}

fn subnet(address: Cidr, range: Option<Cidr>) -> Result<Subnet> {
    if let Some(range) = range {
        Addresses::with_range(address, range)?;
    }
    Ok(Subnet {
        subnet: address.network(),
        ip_range: range.map(Cidr::network).filter(|range| *range != address.network()),
        gateway: Some(address.address()),
        aux_addresses: BTreeMap::new(),
    })
}

/// Decides on the bridge's address: as told, else as it is, else as the containers that live on it expect, else out
/// of the pools, clear of everything this machine has a way to.
fn choose_address(
    config: &NetworkConfig,
    present: Option<Cidr>,
    live: &[&Endpoint],
    pools: &[Pool],
    taken: &[Cidr],
) -> Result<Cidr> {
    let wanted = &config.bridge;
    if let Some(bip) = wanted.bip {
        return if bip.is_ipv4() && bip.is_host(bip.address()) {
            Ok(bip)
        } else {
            Err(Error::InvalidConfig(format!(
                "invalid bridge address {bip}: it is the network's own, not a host's"
            )))
        };
    }
    if let Some(address) = present {
        return Ok(address);
    }
    let expected = live.iter().find_map(|endpoint| endpoint.ipv4);
    if let Some((gateway, place)) = expected.and_then(|place| Some((place.gateway?, place))) {
        return Ok(Cidr::new(gateway, place.prefix_len)?);
    }
    let subnet = match wanted.fixed_cidr {
        Some(range) => range.network(),
        None => ipam::choose_subnet(pools.iter().filter(|pool| pool.base().is_ipv4()), taken)?,
    };
    first_host(subnet)
}

fn choose_address_v6(
    config: &NetworkConfig,
    live: &[&Endpoint],
    pools: &[Pool],
    taken: &[Cidr],
) -> Result<Cidr> {
    if let Some(subnet) = config.bridge.fixed_cidr_v6 {
        return first_host(subnet.network());
    }
    let expected = live.iter().find_map(|endpoint| endpoint.ipv6);
    if let Some((gateway, place)) = expected.and_then(|place| Some((place.gateway?, place))) {
        return Ok(Cidr::new(IpAddr::from(gateway), place.prefix_len)?);
    }
    // The pools' order is the same each time, so that the default bridge has the first of them again.
    let pools = pools.iter().filter(|pool| pool.base().is_ipv6());
    let others: Vec<Cidr> = taken.to_vec();
    first_host(ipam::choose_subnet(pools, &others)?)
}

fn first_host(subnet: Cidr) -> Result<Cidr> {
    let address = Addresses::new(subnet).allocate()?;
    Ok(Cidr::new(address, subnet.prefix_len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn config() -> NetworkConfig {
        NetworkConfig::new("shoal", "/e".into(), "/l".into())
    }

    #[test]
    fn what_is_told_goes_before_what_is_there_and_that_before_a_choice() {
        let pools = ipam::default_pools();
        let taken = [cidr("172.17.9.0/24")];
        let chosen =
            |config: &NetworkConfig, present| choose_address(config, present, &[], &pools, &taken).unwrap();
        assert_eq!(chosen(&config(), None), cidr("172.18.0.1/16"));
        assert_eq!(chosen(&config(), Some(cidr("10.5.0.1/24"))), cidr("10.5.0.1/24"));
        let mut told = config();
        told.bridge.bip = Some(cidr("10.6.0.7/24"));
        assert_eq!(chosen(&told, Some(cidr("10.5.0.1/24"))), cidr("10.6.0.7/24"));
        let mut ranged = config();
        ranged.bridge.fixed_cidr = Some(cidr("10.7.0.0/25"));
        assert_eq!(chosen(&ranged, None), cidr("10.7.0.1/25"));
    }

    #[test]
    fn a_network_address_is_no_bridge_address() {
        let mut told = config();
        told.bridge.bip = Some(cidr("10.6.0.0/24"));
        let error = choose_address(&told, None, &[], &[], &[]).unwrap_err();
        assert!(error.to_string().contains("10.6.0.0/24"), "{error}");
    }
}
