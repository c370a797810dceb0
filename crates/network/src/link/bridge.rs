//! The default bridge: which address it has, and making it so.

use std::net::IpAddr;

use ipam::{Addresses, Cidr, Pool};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{AfSpecInet, AfSpecUnspec, InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute};
use netlink_packet_route::{AddressFamily, link::LinkFlags};

use super::message::{named, up, without_ipv6_address};
use crate::config::{BridgeConfig, digest};
use crate::kernel::{Request, Route};
use crate::{Endpoint, Error, Mac, Result};

// linux/if_link.h and linux/ip.h
const IFLA_INET_CONF: u16 = 1;
const IPV4_DEVCONF_ROUTE_LOCALNET: u16 = 26;
const NESTED: u16 = nix::libc::NLA_F_NESTED as u16;

/// The bridge as it is in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bridge {
    /// The interface's name.
    pub(crate) name: String,
    /// The interface's number, another one after each creation.
    pub(crate) index: u32,
    /// The bridge's address, the containers' gateway, with the subnet's prefix length.
    pub(crate) address: Cidr,
    /// The largest packet, in bytes.
    pub(crate) mtu: u32,
}

impl Bridge {
    /// Makes the bridge if it is missing, and gives it the address and the settings it needs. Harmless if all is well.
    pub(crate) fn ensure(
        route: &mut Route,
        config: &BridgeConfig,
        address: Cidr,
        localnet: bool,
    ) -> Result<Bridge> {
        let name = &config.name;
        let link = match route.link(name)? {
            Some(link) => link,
            None => {
                route.apply(vec![create(name, config.mtu)])?;
                let gone =
                    || Error::kernel(format!("look up bridge {name}"))(std::io::ErrorKind::NotFound.into());
                route.link(name)?.ok_or_else(gone)?
            }
        };
        if !is_bridge(&link) {
            return Err(Error::InvalidConfig(format!("interface {name} exists and is not a bridge")));
        }
        let index = link.header.index;
        let present = addresses_of(route, index)?;
        let mut requests = Vec::new();
        if !link.header.flags.contains(LinkFlags::Up) || localnet {
            requests.push(raise(name, localnet));
        }
        // Further addresses of a bridge that has ours are its administrator's; one that has others only is moved.
        if !present.contains(&address) {
            for other in &present {
                requests.push(Request::change(
                    RouteNetlinkMessage::DelAddress(address_message(index, *other)),
                    format!("remove address {other} from {name}"),
                ));
            }
            requests.push(Request::create(
                RouteNetlinkMessage::NewAddress(address_message(index, address)),
                format!("give {name} the address {address}"),
            ));
        }
        route.apply(requests)?;
        Ok(Bridge { name: name.clone(), index, address, mtu: config.mtu })
    }

    /// The first address the interface of this name has.
    pub(crate) fn present_address(route: &mut Route, name: &str) -> Result<Option<Cidr>> {
        let Some(link) = route.link(name)? else { return Ok(None) };
        Ok(addresses_of(route, link.header.index)?.first().copied())
    }

    /// The subnet, host bits cleared.
    pub(crate) fn subnet(&self) -> Cidr {
        self.address.network()
    }
}

/// Decides on the bridge's address: as told, else as it is, else as the containers that live on it expect, else out
/// of the pools, clear of everything this machine has a way to.
pub(crate) fn choose_address(
    config: &BridgeConfig,
    present: Option<Cidr>,
    live: &[Endpoint],
    pools: &[Pool],
    taken: &[Cidr],
) -> Result<Cidr> {
    if let Some(bip) = config.bip {
        return if bip.is_host(bip.address()) {
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
    if let Some(place) = live.iter().find_map(|endpoint| endpoint.ipv4)
        && let Some(gateway) = place.gateway
    {
        return Ok(Cidr::new(gateway, place.prefix_len)?);
    }
    let subnet = match config.fixed_cidr {
        Some(range) => range.network(),
        None => ipam::choose_subnet(pools, taken)?,
    };
    let first_host = Addresses::new(subnet).allocate()?;
    Ok(Cidr::new(first_host, subnet.prefix_len())?)
}

/// The IPv4 subnets that this machine's interfaces and routes lead to.
pub(crate) fn taken_subnets(route: &mut Route) -> Result<Vec<Cidr>> {
    let addresses = route.addresses()?.into_iter().filter_map(|message| cidr_of(&message));
    let mut taken: Vec<Cidr> = addresses.collect();
    for message in route.routes()? {
        let prefix_len = message.header.destination_prefix_length;
        let destination = message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
            _ => None,
        });
        // The default route leads everywhere and has no destination.
        if let (Some(destination), 1..=32) = (destination, prefix_len) {
            taken.push(Cidr::new(destination, prefix_len)?);
        }
    }
    Ok(taken)
}

fn addresses_of(route: &mut Route, index: u32) -> Result<Vec<Cidr>> {
    let all = route.addresses()?;
    Ok(all.iter().filter(|message| message.header.index == index).filter_map(cidr_of).collect())
}

fn cidr_of(message: &AddressMessage) -> Option<Cidr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Cidr::new(*address, message.header.prefix_len).ok(),
        _ => None,
    })
}

fn is_bridge(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Bridge)),
        _ => false,
    })
}

fn create(name: &str, mtu: u32) -> Request {
    let mut link = named(name);
    // An address of its own, or the bridge would take over, and change, that of whichever port is lowest.
    let seed = digest(&["bridge", name]);
    let octets = |at: usize| u8::from_str_radix(&seed[at..at + 2], 16).unwrap_or(0);
    let mac = Mac([0x02, 0x42, octets(0), octets(2), octets(4), octets(6)]);
    link.attributes.extend([
        LinkAttribute::Mtu(mtu),
        LinkAttribute::Address(mac.0.to_vec()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
    ]);
    Request::create(RouteNetlinkMessage::NewLink(link), format!("create bridge {name}"))
}

fn raise(name: &str, localnet: bool) -> Request {
    let mut link = up(named(name));
    let mut settings = vec![without_ipv6_address()];
    if localnet {
        // Answers to flows from this machine's 127.0.0.1 come in here. The table's guard drops all else of 127/8.
        let value = DefaultNla::new(IPV4_DEVCONF_ROUTE_LOCALNET, 1u32.to_ne_bytes().to_vec());
        let mut nested = vec![0; netlink_packet_core::Emitable::buffer_len(&value)];
        netlink_packet_core::Emitable::emit(&value, &mut nested);
        settings.push(AfSpecUnspec::Inet(vec![AfSpecInet::Other(DefaultNla::new(
            IFLA_INET_CONF | NESTED,
            nested,
        ))]));
    }
    link.attributes.push(LinkAttribute::AfSpecUnspec(settings));
    Request::change(RouteNetlinkMessage::NewLink(link), format!("bring up {name}"))
}

/// An interface's address with the broadcast address that goes with it.
pub(super) fn address_message(index: u32, address: Cidr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = address.prefix_len();
    message.header.flags = AddressHeaderFlags::Permanent;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes =
        vec![AddressAttribute::Local(address.address()), AddressAttribute::Address(address.address())];
    if let IpAddr::V4(last) = address.last() {
        message.attributes.push(AddressAttribute::Broadcast(last));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn config() -> BridgeConfig {
        BridgeConfig { name: "b".into(), own: true, bip: None, fixed_cidr: None, mtu: 1500, none: false }
    }

    #[test]
    fn what_is_told_goes_before_what_is_there_and_that_before_a_choice() {
        let pools = ipam::default_pools();
        let taken = [cidr("172.17.9.0/24")];
        let chosen =
            |config: &BridgeConfig, present| choose_address(config, present, &[], &pools, &taken).unwrap();
        assert_eq!(chosen(&config(), None), cidr("172.18.0.1/16"));
        assert_eq!(chosen(&config(), Some(cidr("10.5.0.1/24"))), cidr("10.5.0.1/24"));
        let told = BridgeConfig { bip: Some(cidr("10.6.0.7/24")), ..config() };
        assert_eq!(chosen(&told, Some(cidr("10.5.0.1/24"))), cidr("10.6.0.7/24"));
        let ranged = BridgeConfig { fixed_cidr: Some(cidr("10.7.0.0/25")), ..config() };
        assert_eq!(chosen(&ranged, None), cidr("10.7.0.1/25"));
    }

    #[test]
    fn a_network_address_is_no_bridge_address() {
        let told = BridgeConfig { bip: Some(cidr("10.6.0.0/24")), ..config() };
        let error = choose_address(&told, None, &[], &[], &[]).unwrap_err();
        assert!(error.to_string().contains("10.6.0.0/24"), "{error}");
    }
}
