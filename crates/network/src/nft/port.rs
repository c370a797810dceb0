//! Published ports as elements of the maps.

use std::net::Ipv4Addr;

use super::batch::{Element, MapType, Value};
use crate::Protocol;

/// nft's numbers of types, six bits each when joined; with them `nft list table` can read the maps.
const TYPE_ADDRESS: u32 = 7;
const TYPE_PROTOCOL: u32 = 12;
const TYPE_PORT: u32 = 13;
const TYPE_BITS: u32 = 6;
const TYPE_INTEGER: u32 = 4;

/// Keys are protocol and port.
pub(super) const PORTS_ANY: &str = "ports_any";
/// Keys are address, protocol and port.
pub(super) const PORTS_AT: &str = "ports_at";
/// Keys are protocol and port, values lead to a chain per balanced port.
pub(super) const INGRESS: &str = "ingress";

/// A port of the host that leads to one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Published {
    /// Its transport.
    pub(crate) protocol: Protocol,
    /// The host's address, or `0.0.0.0` for all.
    pub(crate) host_ip: Ipv4Addr,
    /// The host's port.
    pub(crate) host_port: u16,
    /// Where it leads.
    pub(crate) target: (Ipv4Addr, u16),
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
    /// The map this port belongs to.
    pub(super) fn map(&self) -> &'static str {
        if self.host_ip.is_unspecified() { PORTS_ANY } else { PORTS_AT }
    }

    pub(super) fn element(&self) -> Element {
        let mut key = Vec::with_capacity(12);
        if !self.host_ip.is_unspecified() {
            key.extend_from_slice(&self.host_ip.octets());
        }
        key.extend_from_slice(&port_key(self.protocol, self.host_port));
        Element { key, value: Value::Target(target(self.target)) }
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
            value: Value::Target(target(*place)),
        };
        (0..).zip(&self.targets).map(choice).collect()
    }
}

pub(super) fn map_types() -> [(&'static str, MapType); 3] {
    let port_key = join(&[TYPE_PROTOCOL, TYPE_PORT]);
    let target = join(&[TYPE_ADDRESS, TYPE_PORT]);
    [
        (PORTS_ANY, MapType { key_type: port_key, key_len: 8, data_type: target, data_len: 8 }),
        (
            PORTS_AT,
            MapType {
                key_type: join(&[TYPE_ADDRESS, TYPE_PROTOCOL, TYPE_PORT]),
                key_len: 12,
                data_type: target,
                data_len: 8,
            },
        ),
        (
            INGRESS,
            MapType { key_type: port_key, key_len: 8, data_type: nix::libc::NFT_DATA_VERDICT, data_len: 0 },
        ),
    ]
}

/// Numbers to targets, for the random choice.
pub(super) fn choice_type() -> MapType {
    MapType { key_type: TYPE_INTEGER, key_len: 4, data_type: join(&[TYPE_ADDRESS, TYPE_PORT]), data_len: 8 }
}

fn join(types: &[u32]) -> u32 {
    types.iter().fold(0, |joined, one| (joined << TYPE_BITS) | one)
}

/// Each part of a joined key fills four bytes.
fn port_key(protocol: Protocol, port: u16) -> [u8; 8] {
    let number = match protocol {
        Protocol::Tcp => nix::libc::IPPROTO_TCP,
        Protocol::Udp => nix::libc::IPPROTO_UDP,
        Protocol::Sctp => nix::libc::IPPROTO_SCTP,
    };
    let [high, low] = port.to_be_bytes();
    [number as u8, 0, 0, 0, high, low, 0, 0]
}

fn target((address, port): (Ipv4Addr, u16)) -> [u8; 8] {
    let ([a, b, c, d], [high, low]) = (address.octets(), port.to_be_bytes());
    [a, b, c, d, high, low, 0, 0]
}
