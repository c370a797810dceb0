//! Netlink messages about links, addresses and routes that more than one part needs.

use std::net::IpAddr;

use ipam::Cidr;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::kernel::Request;

/// A message about the link of this name.
pub(super) fn named(name: &str) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link
}

/// Marks a link to be up.
pub(super) fn up(mut link: LinkMessage) -> LinkMessage {
    link.header.flags |= LinkFlags::Up;
    link.header.change_mask |= LinkFlags::Up;
    link
}

/// Keeps a link without IPv6 addresses of its own making, and so without the traffic of finding them.
pub(super) fn without_ipv6_address() -> AfSpecUnspec {
    AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)])
}

/// Removes a link, and its peer with it.
pub(crate) fn delete_link(name: &str) -> Request {
    Request::change(RouteNetlinkMessage::DelLink(named(name)), format!("delete link {name}"))
}

/// Makes a link a port of the bridge with this number, and brings it up.
pub(crate) fn enslave(name: &str, bridge_index: u32) -> Request {
    let mut link = up(named(name));
    link.attributes.push(LinkAttribute::Controller(bridge_index));
    Request::change(RouteNetlinkMessage::NewLink(link), format!("enslave {name}"))
}

/// The name of a link the kernel told about.
pub(crate) fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// The mark on a link the kernel told about.
pub(crate) fn alias_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfAlias(alias) => Some(alias.as_str()),
        _ => None,
    })
}

/// The bridge that a link is a port of.
pub(crate) fn controller_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Controller(index) => Some(*index),
        _ => None,
    })
}

/// Whether a link is up, as far as its owner has a say in it.
pub(crate) fn is_up(link: &LinkMessage) -> bool {
    link.header.flags.contains(LinkFlags::Up)
}

/// Whether a link is of this kind.
pub(crate) fn is_kind(link: &LinkMessage, kind: &InfoKind) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(kind.clone())),
        _ => false,
    })
}

/// Whether a link is one end of a pair.
pub(crate) fn is_veth(link: &LinkMessage) -> bool {
    is_kind(link, &InfoKind::Veth)
}

/// An interface's address, with the broadcast address that goes with one of IPv4. An address of IPv6 is used at once:
/// nobody else can have it.
pub(super) fn address_message(index: u32, address: Cidr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = address.prefix_len();
    message.header.flags = AddressHeaderFlags::Permanent;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes =
        vec![AddressAttribute::Local(address.address()), AddressAttribute::Address(address.address())];
    match address.last() {
        IpAddr::V4(last) => message.attributes.push(AddressAttribute::Broadcast(last)),
        IpAddr::V6(_) => message.header.flags |= AddressHeaderFlags::Nodad,
    }
    message
}
