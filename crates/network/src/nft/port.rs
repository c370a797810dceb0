//! Published ports as elements of the maps.

use std::net::{IpAddr, Ipv4Addr};

use super::batch::{Element, MapType, Value};
use super::expression::{Family, octets};
use crate::Protocol;

/// nft's numbers of types, six bits each when joined; with them `nft list table` can read the maps.
const TYPE_ADDRESS: u32 = 7;
const TYPE_ADDRESS_V6: u32 = 8;
const TYPE_PROTOCOL: u32 = 12;
const TYPE_PORT: u32 = 13;
const TYPE_BITS: u32 = 6;
const TYPE_INTEGER: u32 = 4;

/// Keys are protocol and port, values lead to a chain per balanced port.
pub(super) const INGRESS: &str = "ingress";
/// Each part of a joined key fills as many bytes, but for addresses of IPv6.
const PART_LEN: u32 = 4;

/// A port of the host that leads to one container; or, if it leads to itself, a port of a container that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Published {
    /// Its transport.
    pub(crate) protocol: Protocol,
    /// The host's address, or an unspecified one for all.
    pub(crate) host_ip: IpAddr,
    /// The host's port.
    pub(crate) host_port: u16,
    /// Where it leads, in the same family.
    pub(crate) target: (IpAddr, u16),
}

/// A port of the host, on all addresses, that leads to one of several containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Balanced {
    /// Its transport.
    pub(crate) protocol: Protocol,
    /// The host's port.
    pub(crate) port: u16,
    /// Where it may lead; not empty.
    pub(crate) targets: Vec<(Ipv4Addr, u16)>,
}

impl Published {
    /// A port of a container in a routed network, which may be reached at the container's own address.
    pub(crate) fn open(protocol: Protocol, address: IpAddr, port: u16) -> Published {
        Published { protocol, host_ip: address, host_port: port, target: (address, port) }
    }

    /// Whether nothing is translated.
    fn is_open(&self) -> bool {
        self.target == (self.host_ip, self.host_port)
    }

    /// The map or set this port belongs to.
    pub(super) fn map(&self) -> &'static str {
        let family = Family::of(self.host_ip);
        if self.is_open() {
            open_ports(family)
        } else if self.host_ip.is_unspecified() {
            ports_any(family)
        } else {
            ports_at(family)
        }
    }

    pub(super) fn element(&self) -> Element {
        let mut key = Vec::with_capacity(24);
        if !self.host_ip.is_unspecified() {
            key.extend_from_slice(&octets(self.host_ip));
        }
        key.extend_from_slice(&port_key(self.protocol, self.host_port));
        let value = if self.is_open() { Value::Member } else { Value::Target(target(self.target)) };
        Element { key, value }
    }
}

impl Balanced {
    /// The name of this port's own chain.
    pub(super) fn chain(&self) -> String {
        format!("ingress-{}-{}", self.protocol, self.port)
    }

    pub(super) fn element(&self) -> Element {
        Element { key: port_key(self.protocol, self.port).to_vec(), value: Value::Goto(self.chain()) }
    }

    /// The numbers from zero, each leading to one target.
    pub(super) fn choices(&self) -> Vec<Element> {
        let choice = |(number, place): (u32, &(Ipv4Addr, u16))| Element {
            // The kernel's generator gives numbers in the machine's own byte order.
            key: number.to_ne_bytes().to_vec(),
            value: Value::Target(target((place.0.into(), place.1))),
        };
        (0..).zip(&self.targets).map(choice).collect()
    }
}

/// Keys are protocol and port.
pub(super) fn ports_any(family: Family) -> &'static str {
    match family {
        Family::V4 => "ports_any",
        Family::V6 => "ports6_any",
    }
}

/// Keys are address, protocol and port.
pub(super) fn ports_at(family: Family) -> &'static str {
    match family {
        Family::V4 => "ports_at",
        Family::V6 => "ports6_at",
    }
}

/// Members are address, protocol and port.
pub(super) fn open_ports(family: Family) -> &'static str {
    match family {
        Family::V4 => "open",
        Family::V6 => "open6",
    }
}

/// All maps and sets that have ports in them.
pub(super) fn port_maps() -> impl Iterator<Item = &'static str> {
    Family::BOTH.into_iter().flat_map(|family| [ports_any(family), ports_at(family), open_ports(family)])
}

pub(super) fn any_type(family: Family) -> MapType {
    let (data_type, data_len) = target_type(family);
    MapType { key_type: join(&[TYPE_PROTOCOL, TYPE_PORT]), key_len: 2 * PART_LEN, data_type, data_len }
}

pub(super) fn at_type(family: Family) -> MapType {
    let (data_type, data_len) = target_type(family);
    MapType {
        key_type: join(&[address_type(family), TYPE_PROTOCOL, TYPE_PORT]),
        key_len: family.address_len() + 2 * PART_LEN,
        data_type,
        data_len,
    }
}

pub(super) fn ingress_type() -> MapType {
    MapType {
        key_type: join(&[TYPE_PROTOCOL, TYPE_PORT]),
        key_len: 2 * PART_LEN,
        data_type: nix::libc::NFT_DATA_VERDICT,
        data_len: 0,
    }
}

/// Numbers to targets, for the random choice.
pub(super) fn choice_type() -> MapType {
    let (data_type, data_len) = target_type(Family::V4);
    MapType { key_type: TYPE_INTEGER, key_len: PART_LEN, data_type, data_len }
}

fn address_type(family: Family) -> u32 {
    match family {
        Family::V4 => TYPE_ADDRESS,
        Family::V6 => TYPE_ADDRESS_V6,
    }
}

fn target_type(family: Family) -> (u32, u32) {
    (join(&[address_type(family), TYPE_PORT]), family.address_len() + PART_LEN)
}

fn join(types: &[u32]) -> u32 {
    types.iter().fold(0, |joined, one| (joined << TYPE_BITS) | one)
}

fn port_key(protocol: Protocol, port: u16) -> [u8; 8] {
    let number = match protocol {
        Protocol::Tcp => nix::libc::IPPROTO_TCP,
        Protocol::Udp => nix::libc::IPPROTO_UDP,
        Protocol::Sctp => nix::libc::IPPROTO_SCTP,
    };
    let [high, low] = port.to_be_bytes();
    [number as u8, 0, 0, 0, high, low, 0, 0]
}

fn target((address, port): (IpAddr, u16)) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    let mut target = octets(address);
    target.extend_from_slice(&[high, low, 0, 0]);
    target
}
