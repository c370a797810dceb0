//! The pair of interfaces between the bridge and a container, in two round trips to the kernel.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use ipam::Cidr;
use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute, LinkInfo,
    LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};

use super::bridge::address_message;
use super::message::{delete_link, named, up, without_ipv6_address};
use crate::kernel::{Request, Route};
use crate::{Error, Mac, Result};

/// The container's end.
const INSIDE: &str = "eth0";
/// The loopback interface is the first one of every network namespace.
const LOOPBACK_INDEX: u32 = 1;
/// One queue serves a veth; the kernel's default is one per processor, each of which costs memory.
const QUEUES: u32 = 1;

/// What ties one container to the bridge.
#[derive(Debug, Clone)]
pub(crate) struct Wiring {
    /// The bridge's interface number.
    pub(crate) bridge_index: u32,
    /// The largest packet, in bytes.
    pub(crate) mtu: u32,
    /// The host's end.
    pub(crate) host_interface: String,
    /// The hardware address of the container's end.
    pub(crate) mac: Mac,
    /// The container's address with the subnet's prefix length.
    pub(crate) address: Cidr,
    /// Where the default route leads.
    pub(crate) gateway: Ipv4Addr,
}

/// Makes the pair, with one end in the network namespace of process `pid`, and sets that up. On failure no
/// interface is left.
///
/// The calling thread ends up in the container's network namespace: it must be one that does nothing else.
pub(crate) fn wire(wiring: &Wiring, pid: u32) -> Result<()> {
    let namespace = open_namespace(pid)?;
    let mut host = Route::open()?;
    host.apply(vec![create_pair(wiring, &namespace), raise_host_end(wiring)])
        .and_then(|()| setup_inside(wiring, &namespace))
        .inspect_err(|_| {
            // The cause is what the caller must hear; there may be nothing to delete.
            let _ = host.apply(vec![delete_link(&wiring.host_interface)]);
        })
}

/// Brings up the loopback interface in the network namespace of process `pid`. The calling thread ends up there.
pub(crate) fn raise_loopback(pid: u32) -> Result<()> {
    let namespace = open_namespace(pid)?;
    enter(&namespace)?;
    Route::open()?.apply(vec![loopback_up()])
}

fn open_namespace(pid: u32) -> Result<File> {
    let path = format!("/proc/{pid}/ns/net");
    File::open(&path).map_err(Error::kernel(format!("open {path}")))
}

fn enter(namespace: &File) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
        .map_err(|errno| Error::kernel("enter the container's network namespace")(errno.into()))
}

fn create_pair(wiring: &Wiring, namespace: &File) -> Request {
    let mut inside = named(INSIDE);
    inside.attributes.extend([
        LinkAttribute::Address(wiring.mac.0.to_vec()),
        LinkAttribute::Mtu(wiring.mtu),
        LinkAttribute::NumTxQueues(QUEUES),
        LinkAttribute::NumRxQueues(QUEUES),
        LinkAttribute::NetNsFd(namespace.as_raw_fd()),
    ]);
    let mut outside = named(&wiring.host_interface);
    outside.attributes.extend([
        LinkAttribute::Mtu(wiring.mtu),
        LinkAttribute::NumTxQueues(QUEUES),
        LinkAttribute::NumRxQueues(QUEUES),
        LinkAttribute::Controller(wiring.bridge_index),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(inside))),
        ]),
    ]);
    Request::create(
        RouteNetlinkMessage::NewLink(outside),
        format!("create interface {}", wiring.host_interface),
    )
}

fn raise_host_end(wiring: &Wiring) -> Request {
    let mut outside = up(named(&wiring.host_interface));
    outside.attributes.extend([
        LinkAttribute::AfSpecUnspec(vec![without_ipv6_address()]),
        // Where br_netfilter is loaded, a container's way to its own published port turns round inside the bridge.
        LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)])),
        ]),
    ]);
    Request::change(
        RouteNetlinkMessage::NewLink(outside),
        format!("bring up interface {}", wiring.host_interface),
    )
}

fn setup_inside(wiring: &Wiring, namespace: &File) -> Result<()> {
    enter(namespace)?;
    let mut route = Route::open()?;
    let index = if_nametoindex(INSIDE)
        .map_err(|errno| Error::kernel("look up the container's interface")(io::Error::from(errno)))?;
    let mut inside = LinkMessage::default();
    inside.header.index = index;
    inside.attributes.push(LinkAttribute::AfSpecUnspec(vec![without_ipv6_address()]));
    route.apply(vec![
        loopback_up(),
        Request::create(
            RouteNetlinkMessage::NewAddress(address_message(index, wiring.address)),
            format!("give the container the address {}", wiring.address),
        ),
        Request::change(RouteNetlinkMessage::NewLink(up(inside)), "bring up the container's interface"),
        Request::create(
            RouteNetlinkMessage::NewRoute(default_route(wiring.gateway)),
            format!("set the container's default route to {}", wiring.gateway),
        ),
    ])
}

fn loopback_up() -> Request {
    let mut link = LinkMessage::default();
    link.header.index = LOOPBACK_INDEX;
    Request::change(RouteNetlinkMessage::NewLink(up(link)), "bring up the container's loopback interface")
}

fn default_route(gateway: Ipv4Addr) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.address_family = AddressFamily::Inet;
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = RouteProtocol::Boot;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    route.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
    route
}
