//! What the daemon's flags say about networks.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use ipam::{Cidr, Pool};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The daemon whose name needs no mark in the names of kernel objects.
const MAIN_DAEMON: &str = "shoal";

/// The largest packet of the default bridge unless `--mtu` says otherwise, in bytes.
const DEFAULT_MTU: u32 = 1500;

/// How this daemon does networks. Two daemons in one network namespace differ in `name` and `bridge.name`.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// The daemon's name: its nftables table is called so, and its veth pairs carry a digest of it.
    pub name: String,
    /// Where the socket of `shoal-net` lies.
    pub exec_root: PathBuf,
    /// The directory that has the program `shoal-net`.
    pub libexec: PathBuf,
    /// The default bridge.
    pub bridge: BridgeConfig,
    /// Where subnets come from (`--default-address-pool`).
    pub pools: Vec<Pool>,
    /// Whether to have nftables rules at all (`--iptables`).
    pub nat: bool,
    /// Whether ports published on every address are published on IPv6 too, through a proxy (`--userland-proxy`).
    pub userland_proxy: bool,
    /// Whether to turn on forwarding (`--ip-forward`).
    pub ip_forward: bool,
    /// What to do about other people's chains that drop what is forwarded.
    pub foreign_firewall: ForeignFirewall,
}

/// What to do about chains of other programs that drop what is forwarded (ufw, firewalld, another engine): an accept
/// in our table does not overrule them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignFirewall {
    /// One rule of ours in each lets through what leaves our containers, what answers it, and what they say to each
    /// other. What comes from outside is left to the administrator.
    #[default]
    Accept,
    /// Nothing is touched.
    Leave,
}

/// The bridge of `docker run` without `--network`.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// The interface's name, at most 15 bytes.
    pub name: String,
    /// Whether the bridge is the daemon's own, to be removed when nobody uses it (no `--bridge`).
    pub own: bool,
    /// The bridge's own address and its subnet (`--bip`); chosen from the pools if absent.
    pub bip: Option<Cidr>,
    /// The part of the subnet that addresses are given from (`--fixed-cidr`).
    pub fixed_cidr: Option<Cidr>,
    /// Whether its containers get IPv6 addresses too (`--ipv6`).
    pub ipv6: bool,
    /// Its IPv6 subnet (`--fixed-cidr-v6`); chosen from the pools if absent.
    pub fixed_cidr_v6: Option<Cidr>,
    /// Whether its containers may talk to each other (`--icc`).
    pub icc: bool,
    /// Whether what leaves it gets this machine's address (`--ip-masq`).
    pub masquerade: bool,
    /// Where ports are published whose address is not told (`--ip`).
    pub host_ip: Option<Ipv4Addr>,
    /// The largest packet, in bytes (`--mtu`).
    pub mtu: u32,
    /// `--bridge=none`: there is no default bridge.
    pub none: bool,
}

impl NetworkConfig {
    /// The configuration of a daemon that was given no flags.
    pub fn new(name: &str, exec_root: PathBuf, libexec: PathBuf) -> NetworkConfig {
        let bridge = BridgeConfig {
            name: default_bridge_name(name),
            own: true,
            bip: None,
            fixed_cidr: None,
            ipv6: false,
            fixed_cidr_v6: None,
            icc: true,
            masquerade: true,
            host_ip: None,
            mtu: DEFAULT_MTU,
            none: false,
        };
        NetworkConfig {
            name: name.to_owned(),
            exec_root,
            libexec,
            bridge,
            pools: ipam::default_pools(),
            nat: true,
            userland_proxy: true,
            ip_forward: true,
            foreign_firewall: ForeignFirewall::default(),
        }
    }

    /// What the names of the bridges of users' networks begin with. Eight more digits fit behind it.
    pub(crate) fn bridge_prefix(&self) -> String {
        format!("shb{}", &digest(&["bridges", &self.name])[..4])
    }

    /// The mark on the bridge of a network.
    pub(crate) fn alias(&self, network_id: &str) -> String {
        format!("shoal:{}:{network_id}", self.name)
    }

    /// What the names of this daemon's veth pairs begin with. Eight more digits fit behind it.
    pub(crate) fn veth_prefix(&self) -> String {
        format!("sh{}", &digest(&["veth", &self.name])[..5])
    }
}

/// `shoal0`, and for a daemon of another name `shoal-` and a digest of it.
fn default_bridge_name(daemon: &str) -> String {
    if daemon == MAIN_DAEMON {
        "shoal0".to_owned()
    } else {
        format!("shoal-{}", &digest(&["bridge", daemon])[..8])
    }
}

/// 64 hexadecimal digits that depend on every part, and on where each ends.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ_per_daemon() {
        let config = |name: &str| NetworkConfig::new(name, "/e".into(), "/l".into());
        assert_eq!(config("shoal").bridge.name, "shoal0");
        let (a, b) = (config("a"), config("b"));
        assert_ne!(a.bridge.name, b.bridge.name);
        assert_ne!(a.veth_prefix(), b.veth_prefix());
        assert!(a.bridge.name.len() <= 15);
        assert_eq!(a.veth_prefix().len() + 8, 15);
    }
}
