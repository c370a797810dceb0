//! A container's interface and what ties it to its network: a pair of interfaces for a bridge, an interface on top of
//! the parent's for the others. These are the messages; [`super::visit`] sends them.

use std::fs::File;
use std::os::fd::AsRawFd;

use ipam::Cidr;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoIpVlan, InfoKind, InfoMacVlan, InfoPortData, InfoPortKind, InfoVeth,
    IpVlanFlags, IpVlanMode, LinkAttribute, LinkInfo, LinkMessage, MacVlanMode,
};

use super::message::{named, up, without_ipv6_address};
use crate::kernel::{Request, Route};
use crate::{Driver, Error, Mac, Result};

/// One queue serves a veth; the kernel's default is one per processor, each of which costs memory.
const QUEUES: u32 = 1;

/// One interface of a container.
#[derive(Debug, Clone)]
pub(crate) struct Wiring {
    /// What it is made of.
    pub(crate) wire: Wire,
    /// The largest packet, in bytes; 0 for what the parent has.
    pub(crate) mtu: u32,
    /// Its name inside.
    pub(crate) interface: String,
    /// Its hardware address.
    pub(crate) mac: Mac,
    /// Its addresses with their subnets' prefix lengths.
    pub(crate) addresses: Vec<Cidr>,
}

/// What ties a container to its network.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    /// A pair of interfaces.
    Veth {
        /// The bridge's interface number.
        bridge_index: u32,
        /// The host's end.
        host_interface: String,
        /// Whether the bridge keeps it apart from its other ports.
        isolated: bool,
    },
    /// An interface with a hardware address of its own.
    Macvlan {
        /// The parent's interface number.
        parent_index: u32,
        /// How the interfaces of one parent reach each other.
        mode: String,
    },
    /// An interface that shares the parent's hardware address.
    Ipvlan {
        /// The parent's interface number.
        parent_index: u32,
        /// Where packets are told apart.
        mode: String,
        /// How the interfaces of one parent reach each other.
        flag: String,
    },
}

impl Wiring {
    /// Makes the interface, in the namespace given, from the host's; `draft` is what it is called until
    /// [`Wiring::rename`], if it has no end on the host's side.
    pub(super) fn requests(&self, namespace: &File, draft: &str) -> Vec<Request> {
        match &self.wire {
            Wire::Veth { bridge_index, host_interface, isolated } => vec![
                self.create_pair(*bridge_index, host_interface, namespace),
                raise_host_end(host_interface, *isolated),
            ],
            Wire::Macvlan { parent_index, mode } => {
                let mode = match mode.as_str() {
                    "private" => MacVlanMode::Private,
                    "vepa" => MacVlanMode::Vepa,
                    "passthru" => MacVlanMode::Passthrough,
                    _ => MacVlanMode::Bridge,
                };
                let data = InfoData::MacVlan(vec![InfoMacVlan::Mode(mode)]);
                vec![self.create_on(*parent_index, InfoKind::MacVlan, data, namespace, draft)]
            }
            Wire::Ipvlan { parent_index, mode, flag } => {
                let mode = match mode.as_str() {
                    "l3" => IpVlanMode::L3,
                    "l3s" => IpVlanMode::L3S,
                    _ => IpVlanMode::L2,
                };
                let flag = match flag.as_str() {
                    "private" => IpVlanFlags::Private,
                    "vepa" => IpVlanFlags::Vepa,
                    _ => IpVlanFlags::empty(),
                };
                let data = InfoData::IpVlan(vec![InfoIpVlan::Mode(mode), InfoIpVlan::Flags(flag)]);
                vec![self.create_on(*parent_index, InfoKind::IpVlan, data, namespace, draft)]
            }
        }
    }

    /// The end on the host's side, if there is one.
    pub(super) fn host_interface(&self) -> Option<&str> {
        match &self.wire {
            Wire::Veth { host_interface, .. } => Some(host_interface),
            Wire::Macvlan { .. } | Wire::Ipvlan { .. } => None,
        }
    }

    /// Gives an interface that was made as a draft its name, inside.
    pub(super) fn rename(&self, index: u32) -> Request {
        let mut link = named(&self.interface);
        link.header.index = index;
        Request::change(RouteNetlinkMessage::NewLink(link), format!("call an interface {}", self.interface))
    }

    fn inside(&self, namespace: &File, name: &str) -> LinkMessage {
        let mut inside = named(name);
        inside.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        if !matches!(self.wire, Wire::Ipvlan { .. }) {
            inside.attributes.push(LinkAttribute::Address(self.mac.0.to_vec()));
        }
        if self.mtu != 0 {
            inside.attributes.push(LinkAttribute::Mtu(self.mtu));
        }
        inside
    }

    fn create_pair(&self, bridge_index: u32, host_interface: &str, namespace: &File) -> Request {
        let mut inside = self.inside(namespace, &self.interface);
        inside.attributes.extend([LinkAttribute::NumTxQueues(QUEUES), LinkAttribute::NumRxQueues(QUEUES)]);
        let mut outside = named(host_interface);
        outside.attributes.extend([
            LinkAttribute::Mtu(self.mtu),
            LinkAttribute::NumTxQueues(QUEUES),
            LinkAttribute::NumRxQueues(QUEUES),
            LinkAttribute::Controller(bridge_index),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(inside))),
            ]),
        ]);
        Request::create(RouteNetlinkMessage::NewLink(outside), format!("create interface {host_interface}"))
    }

    /// Kernels before 6.15 compare the new name with those of the host, which is likely to have an `eth0` of its own: it
    /// is made by a name that the host has not.
    fn create_on(
        &self,
        parent_index: u32,
        kind: InfoKind,
        data: InfoData,
        namespace: &File,
        draft: &str,
    ) -> Request {
        let step = format!("create {kind} interface {}", self.interface);
        let mut link = self.inside(namespace, draft);
        link.attributes.extend([
            LinkAttribute::Link(parent_index),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
        ]);
        Request::create(RouteNetlinkMessage::NewLink(link), step)
    }
}

/// Whether this kernel can make interfaces of the driver's kind. It is asked for one without a parent: where the kind
/// is known, that is what it complains of.
pub(crate) fn check_support(route: &mut Route, driver: Driver) -> Result<()> {
    let (kind, option) = match driver {
        Driver::Macvlan => (InfoKind::MacVlan, "CONFIG_MACVLAN"),
        Driver::Ipvlan => (InfoKind::IpVlan, "CONFIG_IPVLAN"),
        Driver::Bridge | Driver::Overlay | Driver::Host | Driver::Null => return Ok(()),
    };
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]));
    let probe = Request::create(RouteNetlinkMessage::NewLink(link), "probe the kernel");
    match route.apply(vec![probe]) {
        Err(Error::Kernel { source, .. }) if source.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => {
            Err(Error::Unsupported { what: driver.as_str(), option })
        }
        _ => Ok(()),
    }
}

fn raise_host_end(host_interface: &str, isolated: bool) -> Request {
    let mut outside = up(named(host_interface));
    // Where br_netfilter is loaded, a container's way to its own published port turns round inside the bridge.
    let mut port = vec![InfoBridgePort::HairpinMode(true)];
    if isolated {
        port.push(InfoBridgePort::Isolated(true));
    }
    outside.attributes.extend([
        LinkAttribute::AfSpecUnspec(vec![without_ipv6_address()]),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(port)),
        ]),
    ]);
    Request::change(RouteNetlinkMessage::NewLink(outside), format!("bring up interface {host_interface}"))
}
