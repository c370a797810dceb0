//! What `network ls` and `network inspect` are told.

use std::net::Ipv4Addr;

use ipam::Cidr;

/// One network of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInfo {
    /// 64 hexadecimal digits, the same after every restart of the daemon.
    pub id: String,
    /// `bridge`, `host` or `none`.
    pub name: String,
    /// `bridge`, `host` or `null`.
    pub driver: &'static str,
    /// `local`.
    pub scope: &'static str,
    /// The subnet, where there is one.
    pub subnet: Option<Cidr>,
    /// The range addresses are given from, if narrower than the subnet.
    pub ip_range: Option<Cidr>,
    /// The host's address in the subnet.
    pub gateway: Option<Ipv4Addr>,
    /// Name of the bridge interface.
    pub interface: Option<String>,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
}
