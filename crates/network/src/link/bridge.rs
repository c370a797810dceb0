//! A network's bridge: what it is to be, and making it so.

use std::net::IpAddr;

use ipam::Cidr;
use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet, AfSpecUnspec, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute};

use super::forward::allow_ipv6;
use super::message::{address_message, is_kind, named, up, without_ipv6_address};
use crate::config::digest;
use crate::kernel::{Request, Route};
use crate::{Error, Mac, Result};

// linux/if_link.h and linux/ip.h
const IFLA_INET_CONF: u16 = 1;
const IPV4_DEVCONF_ROUTE_LOCALNET: u16 = 26;
const NESTED: u16 = nix::libc::NLA_F_NESTED as u16;

/// What a bridge is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bridge {
    /// The interface's name.
    pub(crate) name: String,
    /// The mark by which the daemon that made it knows it again; an interface that was there before has none.
    pub(crate) alias: String,
    /// The bridge's own addresses with their subnets' prefix lengths: the containers' gateways.
    pub(crate) addresses: Vec<Cidr>,
    /// Whether other addresses may be taken from it although it bears no mark: it is the daemon's default bridge.
    pub(crate) is_default: bool,
    /// The largest packet, in bytes.
    pub(crate) mtu: u32,
    /// Whether answers to this machine's 127.0.0.1 come in here.
    pub(crate) localnet: bool,
}

impl Bridge {
    /// Makes the bridge if it is missing, and gives it the addresses and the settings it needs. Harmless if all is
    /// well. Answers the interface's number, another one after each creation.
    pub(crate) fn ensure(&self, route: &mut Route) -> Result<u32> {
        let name = &self.name;
        let link = match route.link(name)? {
            Some(link) => link,
            None => {
                // If the daemon dies here, the next one finds the bridge by its mark, and removes it unless a record
                // of its network has been stored.
                // Both in one send, so that none is ever without its mark.
                route.apply(vec![self.create(), self.mark()])?;
                let gone =
                    || Error::kernel(format!("look up bridge {name}"))(std::io::ErrorKind::NotFound.into());
                route.link(name)?.ok_or_else(gone)?
            }
        };
        if !is_kind(&link, &InfoKind::Bridge) {
            return Err(Error::InvalidConfig(format!("interface {name} exists and is not a bridge")));
        }
        let index = link.header.index;
        let mut requests = Vec::new();
        if !link.header.flags.contains(LinkFlags::Up) || self.localnet {
            requests.push(self.raise());
        }
        if self.addresses.iter().any(|address| address.is_ipv6()) {
            allow_ipv6(name)?;
        }
        let present = addresses_of(route, index)?;
        let may_move = self.is_default || has_alias(&link, &self.alias);
        requests.extend(self.settle_addresses(index, &present, may_move));
        route.apply(requests)?;
        Ok(index)
    }

    /// Further addresses of a bridge that has ours are its administrator's; one of ours that has others only is moved.
    fn settle_addresses(&self, index: u32, present: &[Cidr], may_move: bool) -> Vec<Request> {
        let mut requests = Vec::new();
        for wanted in self.addresses.iter().filter(|wanted| !present.contains(wanted)) {
            let others = present.iter().filter(|other| other.is_ipv4() == wanted.is_ipv4());
            for other in others.filter(|other| may_move && !is_link_local(other.address())) {
                requests.push(Request::change(
                    RouteNetlinkMessage::DelAddress(address_message(index, *other)),
                    format!("remove address {other} from {}", self.name),
                ));
            }
            requests.push(Request::create(
                RouteNetlinkMessage::NewAddress(address_message(index, *wanted)),
                format!("give {} the address {wanted}", self.name),
            ));
        }
        requests
    }

    fn create(&self) -> Request {
        let mut link = named(&self.name);
        // An address of its own, or the bridge would take over, and change, that of whichever port is lowest.
        let seed = digest(&["bridge", &self.name]);
        let octets = |at: usize| u8::from_str_radix(&seed[at..at + 2], 16).unwrap_or(0);
        let mac = Mac([0x02, 0x42, octets(0), octets(2), octets(4), octets(6)]);
        link.attributes.extend([
            LinkAttribute::Mtu(self.mtu),
            LinkAttribute::Address(mac.0.to_vec()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ]);
        Request::create(RouteNetlinkMessage::NewLink(link), format!("create bridge {}", self.name))
    }

    /// The kernel takes the mark only for an interface that is there.
    fn mark(&self) -> Request {
        let mut link = named(&self.name);
        link.attributes.push(LinkAttribute::IfAlias(self.alias.clone()));
        Request::change(RouteNetlinkMessage::NewLink(link), format!("mark bridge {}", self.name))
    }

    fn raise(&self) -> Request {
        let mut link = up(named(&self.name));
        let mut settings = vec![without_ipv6_address()];
        if self.localnet {
            // The table's guard drops all else of 127/8.
            let value = DefaultNla::new(IPV4_DEVCONF_ROUTE_LOCALNET, 1u32.to_ne_bytes().to_vec());
            let mut nested = vec![0; netlink_packet_core::Emitable::buffer_len(&value)];
            netlink_packet_core::Emitable::emit(&value, &mut nested);
            settings.push(AfSpecUnspec::Inet(vec![AfSpecInet::Other(DefaultNla::new(
                IFLA_INET_CONF | NESTED,
                nested,
            ))]));
        }
        link.attributes.push(LinkAttribute::AfSpecUnspec(settings));
        Request::change(RouteNetlinkMessage::NewLink(link), format!("bring up {}", self.name))
    }
}

/// The first IPv4 address the interface of this name has.
pub(crate) fn present_address(route: &mut Route, name: &str) -> Result<Option<Cidr>> {
    let Some(link) = route.link(name)? else { return Ok(None) };
    Ok(addresses_of(route, link.header.index)?.into_iter().find(|address| address.is_ipv4()))
}

/// The subnets that this machine's interfaces and routes lead to.
pub(crate) fn taken_subnets(route: &mut Route) -> Result<Vec<Cidr>> {
    let addresses = route.addresses()?.into_iter().filter_map(|message| cidr_of(&message));
    let mut taken: Vec<Cidr> = addresses.filter(|cidr| !is_link_local(cidr.address())).collect();
    for message in route.routes()? {
        let prefix_len = message.header.destination_prefix_length;
        let destination = message.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::from(*address)),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::from(*address)),
            _ => None,
        });
        // The default route leads everywhere and has no destination.
        if let (Some(destination), 1..) = (destination, prefix_len)
            && !is_link_local(destination)
        {
            taken.push(Cidr::new(destination, prefix_len)?);
        }
    }
    Ok(taken)
}

/// The addresses of the interface with this number.
pub(crate) fn addresses_of(route: &mut Route, index: u32) -> Result<Vec<Cidr>> {
    let all = route.addresses()?;
    Ok(all.iter().filter(|message| message.header.index == index).filter_map(cidr_of).collect())
}

/// fe80::/10 and ff00::/8 are on every wire.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_multicast(),
    }
}

fn cidr_of(message: &AddressMessage) -> Option<Cidr> {
    let address = |local: bool| {
        message.attributes.iter().find_map(move |attribute| match attribute {
            AddressAttribute::Local(address) if local => Some(*address),
            // IPv6 has no other name for it.
            AddressAttribute::Address(address @ IpAddr::V6(_)) if !local => Some(*address),
            _ => None,
        })
    };
    Cidr::new(address(true).or_else(|| address(false))?, message.header.prefix_len).ok()
}

/// Whether this is a bridge that bears the mark.
pub(crate) fn has_alias(link: &LinkMessage, alias: &str) -> bool {
    link.attributes
        .iter()
        .any(|attribute| matches!(attribute, LinkAttribute::IfAlias(found) if found == alias))
}
