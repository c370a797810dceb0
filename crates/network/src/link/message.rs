//! Netlink messages about links that more than one part needs.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkFlags, LinkMessage,
};

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

/// Makes a link a port of the bridge with this number.
pub(crate) fn enslave(name: &str, bridge_index: u32) -> LinkMessage {
    let mut link = named(name);
    link.attributes.push(LinkAttribute::Controller(bridge_index));
    link
}

/// The name of a link the kernel told about.
pub(crate) fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}
