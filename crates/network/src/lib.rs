//! Container networks on this machine's kernel.
//!
//! Purpose: the default bridge, one veth pair per container, masquerade, and published ports for containers and
//! for a swarm's ingress. Inputs: a [`NetworkConfig`] and plain endpoint sets. Outputs: [`Endpoint`]s, and kernel
//! state that is derived from them and can be made again at any time.
//!
//! It touches only what carries this daemon's name: its bridge, its veth pairs, its nftables table, and its
//! `shoal-net` process, which holds the published ports and outlives the daemon. It has never heard of services,
//! tasks or images. Everything runs over netlink, without other programs.
//!
//! One thread owns the state ([`Network`] sends it requests), short-lived threads do the work in a container's
//! network namespace, and one thread sweeps up: whatever waits for the kernel's grace periods happens there.

#![forbid(unsafe_code)]

mod config;
pub mod dns;
mod error;
pub mod hold;
mod kernel;
mod link;
mod model;
mod network;
mod network_name;
mod nft;
mod owner;
mod resolver;
mod settle;

pub use config::{BridgeConfig, ForeignFirewall, NetworkConfig};
pub use error::{Error, ErrorKind, PortError, Result};
pub use model::{
    AttachRequest, BoundPort, Driver, Endpoint, FirewallReport, ForeignChain, HostPort, IngressPort,
    LOCAL_SCOPE, Live, Mac, NetworkRecord, NetworkRequest, Place, PortBinding, Protocol, ReportedPort,
    Resolver, SWARM_SCOPE, Subnet, SubnetRequest,
};
pub use network::Network;
pub use network_name::is_built_in;
