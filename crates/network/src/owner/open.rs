//! Taking over: from whatever is in the kernel to what the live endpoints need.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use ipam::Addresses;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use tokio::sync::oneshot;

use super::attach::published_ports;
use super::dns::{AllServed, Served};
use super::ingress::INGRESS_OWNER;
use super::port::FIRST_EPHEMERAL;
use super::sweep::Sweep;
use super::{BridgeNetwork, Event, Owner, RECONCILE_INTERVAL};
use crate::config::digest;
use crate::hold::{Hold, HoldKey, Keeper};
use crate::kernel::{Request, Route};
use crate::link::{Bridge, choose_address, delete_link, enable_forwarding, name_of, taken_subnets};
use crate::network_name::BRIDGE;
use crate::nft::{Balanced, Firewall, Published};
use crate::{BoundPort, Endpoint, Error, Live, NetworkConfig, NetworkRecord, Result};

/// nftables refuses longer names.
const NAME_LIMIT: usize = 128;
/// The kernel refuses longer names of interfaces.
const INTERFACE_NAME_LIMIT: usize = 15;

/// Starts the owner in the network namespace of the calling thread. The receiver tells how the take-over went.
pub(crate) fn spawn(
    config: NetworkConfig,
    networks: Vec<NetworkRecord>,
    live: Vec<Live>,
) -> Result<(Sender<Event>, oneshot::Receiver<Result<()>>)> {
    if !networks.is_empty() {
        return Err(Error::NotImplemented("networks of users"));
    }
    let served = live.iter().filter_map(|container| {
        let resolver = container.dns.clone()?;
        Some((container.container_id.clone(), Served::adopt(resolver, container.pid)))
    });
    let served: AllServed = served.collect();
    let live: Vec<Endpoint> = live.into_iter().flat_map(|container| container.endpoints).collect();
    let (sender, events) = channel();
    let (opened, outcome) = oneshot::channel();
    let own_sender = sender.clone();
    let life = move || match Owner::open(config, live, served, events, own_sender) {
        Ok(owner) => {
            if opened.send(Ok(())).is_ok() {
                owner.run();
            }
        }
        Err(error) => drop(opened.send(Err(error))),
    };
    thread::Builder::new().name("network".to_owned()).spawn(life).map_err(Error::kernel("start a thread"))?;
    Ok((sender, outcome))
}

impl Owner {
    fn open(
        config: NetworkConfig,
        live: Vec<Endpoint>,
        served: AllServed,
        events: std::sync::mpsc::Receiver<Event>,
        sender: Sender<Event>,
    ) -> Result<Owner> {
        check(&config)?;
        let mut route = Route::open()?;
        let network = open_bridge(&mut route, &config, &live)?;
        remove_stale_links(&mut route, &config, &live)?;
        let firewall = open_firewall(&config)?;
        let table = config.nat.then(|| config.name.clone());
        let sweep = Sweep::start(table, sender.clone()).map_err(Error::kernel("start a thread"))?;
        let mut keeper = Keeper::new(config.exec_root.clone(), &config.libexec);
        let left = keeper.adopt().map_err(Error::Keeper)?;
        let published = live.iter().flat_map(published_ports).map(|port| (port.key(), port)).collect();
        let mut owner = Owner {
            config,
            events,
            sender,
            route,
            network,
            endpoints: BTreeMap::new(),
            firewall,
            published,
            keeper,
            served,
            next_port: FIRST_EPHEMERAL,
            ingress: left_ingress(&left),
            ingress_keys: left
                .iter()
                .filter(|hold| hold.owner == INGRESS_OWNER)
                .map(|hold| hold.key)
                .collect(),
            sweep,
            waiting: Vec::new(),
            table_is_stale: true,
            next_reconcile: Instant::now() + RECONCILE_INTERVAL,
        };
        owner.adopt_holds(&left, &live)?;
        owner.endpoints =
            live.into_iter().map(|endpoint| (endpoint.container_id.clone(), endpoint)).collect();
        owner.restore_table()?;
        owner.adopt_dns()?;
        Ok(owner)
    }

    /// Lets go of ports whose container is gone, and holds those of live ones that are not held.
    fn adopt_holds(&mut self, left: &[Hold], live: &[Endpoint]) -> Result<()> {
        let wanted: BTreeSet<HoldKey> =
            live.iter().flat_map(|endpoint| &endpoint.ports).map(BoundPort::key).collect();
        let stale: Vec<HoldKey> = left
            .iter()
            .filter(|hold| hold.owner != INGRESS_OWNER && !wanted.contains(&hold.key))
            .map(|hold| hold.key)
            .collect();
        self.keeper.release(&stale).map_err(Error::Keeper)?;
        for endpoint in live {
            for port in &endpoint.ports {
                let hold = self.hold_of(endpoint, port);
                if let Err((key, refusal)) = self.keeper.hold_changed(hold).map_err(Error::Keeper)? {
                    let cause = self.port_error(key, refusal);
                    tracing::warn!(container = endpoint.container_id, %cause, "port of a live container is not held");
                }
            }
        }
        Ok(())
    }
}

impl BoundPort {
    /// What this port is held as.
    pub(crate) fn key(&self) -> HoldKey {
        HoldKey { protocol: self.protocol, host_ip: self.host_ip, host_port: self.host_port }
    }
}

impl Published {
    /// What this port is held as.
    pub(crate) fn key(&self) -> HoldKey {
        HoldKey { protocol: self.protocol, host_ip: IpAddr::V4(self.host_ip), host_port: self.host_port }
    }
}

fn check(config: &NetworkConfig) -> Result<()> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if config.name.is_empty() || config.name.len() > NAME_LIMIT || !plain(&config.name) {
        return Err(Error::InvalidConfig(format!(
            "invalid daemon name {:?}: at most {NAME_LIMIT} letters, digits, '-', '_' and '.'",
            config.name
        )));
    }
    let bridge = &config.bridge.name;
    if bridge.is_empty() || bridge.len() > INTERFACE_NAME_LIMIT || !plain(bridge) {
        return Err(Error::InvalidConfig(format!(
            "invalid bridge name {bridge:?}: at most {INTERFACE_NAME_LIMIT} letters, digits, '-', '_' and '.'"
        )));
    }
    Ok(())
}

fn open_bridge(
    route: &mut Route,
    config: &NetworkConfig,
    live: &[Endpoint],
) -> Result<Option<BridgeNetwork>> {
    if config.bridge.none {
        return Ok(None);
    }
    if config.ip_forward {
        enable_forwarding()?;
    }
    let present = Bridge::present_address(route, &config.bridge.name)?;
    let taken = taken_subnets(route)?;
    let address = choose_address(&config.bridge, present, live, &config.pools, &taken)?;
    let mut addresses = match config.bridge.fixed_cidr {
        Some(range) => Addresses::with_range(address, range)?,
        None => Addresses::new(address),
    };
    addresses.allocate_at(address.address())?;
    for endpoint in live {
        if let Some(ip) = endpoint.address_v4()
            && let Err(error) = addresses.allocate_at(ip.into())
        {
            tracing::warn!(container = endpoint.container_id, %error, "live container does not fit the bridge's subnet");
        }
    }
    let bridge = Bridge::ensure(route, &config.bridge, address, config.nat)?;
    Ok(Some(BridgeNetwork { id: digest(&["network", &config.name, BRIDGE]), bridge, addresses }))
}

/// Removes the pairs that an earlier daemon of this name has left and that belong to no live container.
fn remove_stale_links(route: &mut Route, config: &NetworkConfig, live: &[Endpoint]) -> Result<()> {
    let prefix = config.veth_prefix();
    let is_stale = |name: &str| {
        name.starts_with(&prefix) && !live.iter().any(|endpoint| endpoint.host_interface == name)
    };
    let links = route.links()?;
    let stale: Vec<Request> = links
        .iter()
        .filter(|link| is_veth(link))
        .filter_map(name_of)
        .filter(|name| is_stale(name))
        .map(delete_link)
        .collect();
    if !stale.is_empty() {
        tracing::info!(count = stale.len(), "interfaces of ended containers are removed");
    }
    // One that vanishes by itself meanwhile is as good as removed.
    match route.apply(stale) {
        Err(Error::Kernel { source, .. }) if source.raw_os_error() == Some(nix::libc::ENODEV) => Ok(()),
        other => other,
    }
}

fn is_veth(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Veth)),
        _ => false,
    })
}

/// Connects to the table, or removes one of an earlier configuration if there are to be no rules.
fn open_firewall(config: &NetworkConfig) -> Result<Option<Firewall>> {
    let opened = Firewall::open(&config.name).map_err(Error::kernel("open a netfilter socket"));
    if config.nat {
        return opened.map(Some);
    }
    // Without rules the kernel may not have nftables at all.
    if let Ok(mut firewall) = opened
        && firewall.exists().unwrap_or(false)
    {
        firewall.remove().map_err(Error::kernel("remove the nftables table"))?;
    }
    Ok(None)
}

/// The balanced ports as `shoal-net` has kept them over the daemon's absence.
fn left_ingress(left: &[Hold]) -> Vec<Balanced> {
    left.iter()
        .filter(|hold| hold.owner == INGRESS_OWNER && hold.key.host_ip.is_ipv4() && !hold.backends.is_empty())
        .map(|hold| Balanced {
            protocol: hold.key.protocol,
            port: hold.key.host_port,
            targets: hold.backends.clone(),
        })
        .collect()
}
