//! Taking over: from whatever is in the kernel to what the networks and the live containers need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use ipam::Pool;
use tokio::sync::oneshot;

use super::container::Container;
use super::create::ensure_link;
use super::dns::{AllServed, Served};
use super::ingress::INGRESS_OWNER;
use super::net::{Net, Nets};
use super::port::FIRST_EPHEMERAL;
use super::publish::published;
use super::sweep::Sweep;
use super::{Event, Owner, RECONCILE_INTERVAL, WATCH_INTERVAL};
use crate::config::digest;
use crate::hold::{Hold, HoldKey, Keeper};
use crate::kernel::{LinkWatch, Request, Route};
use crate::link::{alias_of, delete_link, ignore_absence, is_veth, name_of, open_namespace};
use crate::network_name::{HOST, NONE, plain_network};
use crate::nft::{Balanced, Commits, Firewall, Published};
use crate::settle::{check_config, default_bridge};
use crate::{BoundPort, Driver, Error, Live, NetworkConfig, NetworkRecord, Result};

/// Where the machine's own number is.
const MACHINE_ID: &str = "/etc/machine-id";

/// Starts the owner in the network namespace of the calling thread. The receiver tells how the take-over went.
pub(crate) fn spawn(
    config: NetworkConfig,
    networks: Vec<NetworkRecord>,
    live: Vec<Live>,
) -> Result<(Sender<Event>, oneshot::Receiver<Result<()>>)> {
    let (sender, events) = channel();
    let (opened, outcome) = oneshot::channel();
    let own_sender = sender.clone();
    let life = move || match Owner::open(config, networks, live, events, own_sender) {
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
        networks: Vec<NetworkRecord>,
        live: Vec<Live>,
        events: Receiver<Event>,
        sender: Sender<Event>,
    ) -> Result<Owner> {
        check_config(&config)?;
        let mut route = Route::open()?;
        let link_watch = LinkWatch::open().map_err(Error::kernel("open a netlink socket"))?;
        let pools = pools(&config);
        let nets = open_nets(&mut route, &config, networks, &live, &pools)?;
        remove_stale_links(&mut route, &config, &nets, &live)?;
        let commits = Commits::default();
        let firewall = open_firewall(&config, &commits)?;
        let table = config.nat.then(|| (config.name.clone(), commits));
        let sweep = Sweep::start(table, sender.clone()).map_err(Error::kernel("start a thread"))?;
        let mut keeper = Keeper::new(config.exec_root.clone(), &config.libexec);
        let left = keeper.adopt().map_err(Error::Keeper)?;
        let endpoints = live.iter().flat_map(|container| &container.endpoints);
        let published = endpoints.flat_map(published).map(|port| (port.key(), port)).collect();
        let served = live.iter().filter_map(|container| {
            let resolver = container.dns.clone()?;
            Some((container.container_id.clone(), Served::adopt(resolver, container.pid)))
        });
        let served: AllServed = served.collect();
        let mut owner = Owner {
            config,
            events,
            sender,
            route,
            pools,
            nets,
            containers: live.into_iter().map(adopt_container).collect(),
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
            marks: false,
            link_watch,
            rule_watch: Default::default(),
            next_watch: Instant::now() + WATCH_INTERVAL,
            next_reconcile: Instant::now() + RECONCILE_INTERVAL,
        };
        owner.ensure_forwarding()?;
        owner.adopt_holds(&left)?;
        owner.watch_foreign()?;
        owner.restore_table()?;
        owner.watch_rules()?;
        owner.adopt_dns()?;
        owner.reconcile_links()?;
        Ok(owner)
    }

    /// Lets go of ports whose container is gone, and holds those of live ones that are not held.
    fn adopt_holds(&mut self, left: &[Hold]) -> Result<()> {
        let endpoints = self.containers.values().flat_map(|container| &container.endpoints);
        let holds: Vec<Hold> = endpoints
            .flat_map(|endpoint| endpoint.ports.iter().map(move |port| (endpoint, port)))
            .filter(|(_, port)| port.host_port != 0)
            .map(|(endpoint, port)| self.hold_of(endpoint, port))
            .collect();
        let wanted: BTreeSet<HoldKey> = holds.iter().map(|hold| hold.key).collect();
        let stale: Vec<HoldKey> = left
            .iter()
            .filter(|hold| hold.owner != INGRESS_OWNER && !wanted.contains(&hold.key))
            .map(|hold| hold.key)
            .collect();
        self.keeper.release(&stale).map_err(Error::Keeper)?;
        for hold in holds {
            let container = hold.owner.clone();
            if let Err((key, refusal)) = self.keeper.hold_changed(hold).map_err(Error::Keeper)? {
                let cause = self.port_error(key, refusal);
                tracing::warn!(container, %cause, "port of a live container is not held");
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
        HoldKey { protocol: self.protocol, host_ip: self.host_ip, host_port: self.host_port }
    }
}

/// A container that runs is wired, as far as its networks go; what is missing is found and made again.
fn adopt_container(live: Live) -> (String, Container) {
    let namespace = match open_namespace(live.pid) {
        Ok(namespace) => Some(Arc::new(namespace)),
        Err(error) => {
            // It ends just now: whoever watches it will detach it.
            tracing::debug!(container = live.container_id, %error, "namespace of a live container cannot be kept");
            None
        }
    };
    let container = Container {
        name: live.container_name,
        wired: live.endpoints.iter().map(|endpoint| endpoint.network_id.clone()).collect(),
        endpoints: live.endpoints,
        wishes: live.ports,
        namespace,
    };
    (live.container_id, container)
}

/// The configured pools, and for IPv6 one that no other machine has.
fn pools(config: &NetworkConfig) -> Vec<Pool> {
    let mut pools = config.pools.clone();
    if !pools.iter().any(|pool| pool.base().is_ipv6()) {
        let machine = std::fs::read_to_string(MACHINE_ID).unwrap_or_default();
        let seed = digest(&["site", &config.name, machine.trim()]);
        let octet = |at: usize| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap_or(0);
        pools.push(Pool::unique_local([octet(0), octet(1), octet(2), octet(3), octet(4)]));
    }
    pools
}

/// All networks: the predefined ones, of which a default bridge that cannot be had is an error, and those of users, of
/// which one that cannot be had is told and stays known.
fn open_nets(
    route: &mut Route,
    config: &NetworkConfig,
    networks: Vec<NetworkRecord>,
    live: &[Live],
    pools: &[Pool],
) -> Result<Nets> {
    let mut nets: Nets = BTreeMap::new();
    for (name, driver) in [(HOST, Driver::Host), (NONE, Driver::Null)] {
        let net = Net::new(plain_network(&config.name, name, driver))?;
        nets.insert(net.record.id.clone(), net);
    }
    for record in networks {
        let name = record.name.clone();
        match Net::new(record) {
            Ok(net) => drop(nets.insert(net.record.id.clone(), net)),
            Err(error) => tracing::error!(network = name, %error, "network cannot be understood"),
        }
    }
    if !config.bridge.none {
        let present = crate::link::present_address(route, &config.bridge.name)?;
        let mut taken = crate::link::taken_subnets(route)?;
        taken.extend(nets.values().flat_map(|net| &net.record.subnets).map(|subnet| subnet.subnet));
        let endpoints = live.iter().flat_map(|container| &container.endpoints);
        let record = default_bridge(config, present, endpoints, pools, &taken)?;
        nets.insert(record.id.clone(), Net::new(record)?);
    }
    for endpoint in live.iter().flat_map(|container| &container.endpoints) {
        if let Some(net) = nets.get_mut(&endpoint.network_id) {
            net.adopt(endpoint);
        }
    }
    for net in nets.values_mut() {
        match ensure_link(route, net, config.alias(&net.record.id), config.nat) {
            Ok(index) => net.index = index,
            Err(error) if net.record.predefined => return Err(error),
            Err(error) => tracing::error!(network = net.record.name, %error, "network cannot be made"),
        }
    }
    Ok(nets)
}

/// Removes what an earlier daemon of this name has left: pairs that belong to no live container, bridges that belong
/// to no network.
fn remove_stale_links(route: &mut Route, config: &NetworkConfig, nets: &Nets, live: &[Live]) -> Result<()> {
    let (prefix, alias) = (config.veth_prefix(), config.alias(""));
    let wanted: BTreeSet<&str> = live
        .iter()
        .flat_map(|container| &container.endpoints)
        .map(|endpoint| endpoint.host_interface.as_str())
        .collect();
    let links = route.links()?;
    let is_stale = |link: &&netlink_packet_route::link::LinkMessage| {
        let is_pair = is_veth(link)
            && name_of(link).is_some_and(|name| name.starts_with(&prefix) && !wanted.contains(name));
        let network = alias_of(link).and_then(|found| found.strip_prefix(&alias));
        is_pair || network.is_some_and(|id| !nets.contains_key(id))
    };
    let stale: Vec<Request> = links.iter().filter(is_stale).filter_map(name_of).map(delete_link).collect();
    if !stale.is_empty() {
        tracing::info!(count = stale.len(), "interfaces of ended containers and networks are removed");
    }
    // One that vanishes by itself meanwhile is as good as removed.
    ignore_absence(route.apply(stale))
}

/// Connects to the table, or removes one of an earlier configuration if there are to be no rules.
fn open_firewall(config: &NetworkConfig, commits: &Commits) -> Result<Option<Firewall>> {
    let opened =
        Firewall::open(&config.name, commits.clone()).map_err(Error::kernel("open a netfilter socket"));
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
    let targets = |hold: &Hold| {
        let of_v4 = hold.backends.iter().filter_map(|(address, port)| match address {
            std::net::IpAddr::V4(address) => Some((*address, *port)),
            std::net::IpAddr::V6(_) => None,
        });
        of_v4.collect::<Vec<_>>()
    };
    left.iter()
        .filter(|hold| hold.owner == INGRESS_OWNER && hold.key.host_ip.is_ipv4())
        .map(|hold| Balanced {
            protocol: hold.key.protocol,
            port: hold.key.host_port,
            targets: targets(hold),
        })
        .filter(|balanced| !balanced.targets.is_empty())
        .collect()
}
