//! The thread that owns the state of the networks.
//!
//! Inputs: events, from the handle and from the threads this one starts. Outputs: answers, and kernel state. Its
//! work takes microseconds to a few milliseconds; what takes longer is given to the sweeper. The kernel's
//! namespace it works in is the one of the thread that started it.

mod allocate;
mod attach;
mod container;
mod create;
mod detach;
mod dns;
mod foreign;
mod hold;
mod ingress;
mod list;
mod net;
mod open;
mod port;
mod publish;
mod reconcile;
mod rename;
mod repair;
mod retire;
mod sweep;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use ipam::Pool;
use tokio::sync::oneshot;

use crate::hold::{HoldKey, Keeper};
use crate::kernel::{LinkWatch, Route};
use crate::nft::{Balanced, Firewall, Published};
use crate::resolver::Sockets;
use crate::{
    AttachRequest, Endpoint, FirewallReport, IngressPort, NetworkConfig, NetworkRecord, NetworkRequest,
    Resolver, Result,
};

use attach::Purpose;
use container::Container;
use dns::AllServed;
use net::Nets;
use publish::Publication;
use sweep::{Sweep, Swept};
use watch::RuleWatch;

pub(crate) use open::spawn;

/// How often the kernel is compared with what should be there, whatever it tells of itself.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(30);
/// How often it is asked whether anything has changed.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// Where the answer to a request goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// What can happen to the owner.
pub(crate) enum Event {
    /// Settle and make a network.
    Create(Box<NetworkRequest>, Reply<NetworkRecord>),
    /// Remove a network.
    Remove(String, Reply<NetworkRecord>),
    /// Tell about one network.
    Find(String, Reply<NetworkRecord>),
    /// Tell about all networks.
    Networks(Reply<Vec<NetworkRecord>>),
    /// Choose and hold addresses and ports.
    Allocate(Vec<AttachRequest>, Reply<Vec<Endpoint>>),
    /// Wire a container's endpoints into a process's network namespace.
    Attach { container_id: String, pid: u32, dns: Option<Resolver>, reply: Reply<()> },
    /// Wire one more endpoint of a running container.
    Connect { endpoint: Box<Endpoint>, pid: u32, dns: Option<Resolver>, reply: Reply<Vec<Endpoint>> },
    /// Take a running container off a network.
    Disconnect { container_id: String, network_id: String, reply: Reply<Vec<Endpoint>> },
    /// A visit to a container's namespace is over.
    Visited(String, Result<Option<Sockets>>, Purpose),
    /// The sockets of a container's DNS have been made anew, or not.
    Heard(String, Result<Sockets>),
    /// Give a container other names.
    Rename {
        container_id: String,
        container_name: String,
        names: BTreeMap<String, Vec<String>>,
        reply: Reply<Vec<Endpoint>>,
    },
    /// Bring up the loopback interface in a process's network namespace.
    Loopback(u32, Reply<()>),
    /// Give back what a container has.
    Detach(String, Reply<()>),
    /// The wanted state of all balanced ports.
    Ingress(Vec<IngressPort>, Reply<()>),
    /// Compare the kernel with what should be there.
    Reconcile(Reply<()>),
    /// Tell what stands in the way of what.
    Report(Reply<FirewallReport>),
    /// The daemon ends in order.
    Retire(Reply<()>),
    /// The sweeper is done with its chores.
    Swept(Swept),
    /// A deadline has passed.
    Tick,
    /// The last handle is gone.
    Close,
}

/// All state there is.
pub(crate) struct Owner {
    config: NetworkConfig,
    events: Receiver<Event>,
    /// For the threads this one starts.
    sender: Sender<Event>,
    route: Route,
    /// Where subnets come from.
    pools: Vec<Pool>,
    nets: Nets,
    /// By id.
    containers: BTreeMap<String, Container>,
    /// `None`: no rules at all.
    firewall: Option<Firewall>,
    /// What the port maps hold, but for what the sweeper is to delete.
    published: BTreeMap<HoldKey, Published>,
    keeper: Keeper,
    /// Containers with a DNS.
    served: AllServed,
    /// The next ephemeral port to try.
    next_port: u16,
    /// What the ingress map holds, or will when the sweeper is done.
    ingress: Vec<Balanced>,
    ingress_keys: BTreeSet<HoldKey>,
    sweep: Sweep,
    /// Ports that cannot be published before the sweeper is done.
    waiting: Vec<Publication>,
    /// The table is not what it should be, and must be made anew.
    table_is_stale: bool,
    /// Whether other programs' chains need to be told which packets are ours.
    marks: bool,
    /// What the kernel tells of interfaces and addresses.
    link_watch: LinkWatch,
    rule_watch: RuleWatch,
    next_watch: Instant,
    next_reconcile: Instant,
}

impl Owner {
    /// Runs until the last handle is gone. Kernel state stays: the containers do.
    fn run(mut self) {
        loop {
            match self.next_event() {
                Event::Close => return,
                event => self.handle_event(event),
            }
        }
    }

    fn next_event(&mut self) -> Event {
        let deadline = self.sweep.deadline().map_or(self.next_watch, |due| due.min(self.next_watch));
        match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Event::Tick,
            Err(RecvTimeoutError::Disconnected) => Event::Close,
        }
    }

    fn handle_event(&mut self, event: Event) {
        // Whoever asked may have given up; the answer then has no one to go to.
        match event {
            Event::Create(request, reply) => drop(reply.send(self.create(*request))),
            Event::Remove(reference, reply) => self.remove(&reference, reply),
            Event::Find(reference, reply) => drop(reply.send(self.find(&reference))),
            Event::Networks(reply) => drop(reply.send(Ok(self.networks()))),
            Event::Allocate(requests, reply) => drop(reply.send(self.allocate(requests))),
            Event::Attach { container_id, pid, dns, reply } => self.attach(&container_id, pid, dns, reply),
            Event::Connect { endpoint, pid, dns, reply } => self.connect(&endpoint, pid, dns, reply),
            Event::Disconnect { container_id, network_id, reply } => {
                self.disconnect(&container_id, &network_id, reply);
            }
            Event::Visited(container_id, result, purpose) => self.visited(container_id, result, purpose),
            Event::Heard(container_id, sockets) => self.hear(&container_id, sockets),
            Event::Rename { container_id, container_name, names, reply } => {
                drop(reply.send(self.rename(&container_id, container_name, names)));
            }
            Event::Loopback(pid, reply) => self.raise_loopback(pid, reply),
            Event::Detach(container_id, reply) => drop(reply.send(self.detach(&container_id))),
            Event::Ingress(ports, reply) => self.set_ingress(&ports, reply),
            Event::Reconcile(reply) => drop(reply.send(self.reconcile())),
            Event::Report(reply) => drop(reply.send(self.firewall_report())),
            Event::Retire(reply) => drop(reply.send(self.retire())),
            Event::Swept(swept) => self.swept(swept),
            Event::Tick => self.tick(),
            Event::Close => {}
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now >= self.next_watch {
            self.next_watch = now + WATCH_INTERVAL;
            let outcome = if now >= self.next_reconcile { self.reconcile() } else { self.watch() };
            if let Err(error) = outcome {
                tracing::warn!(%error, "kernel state of networks cannot be restored, trying again later");
            }
        }
        self.sweep.dispatch(now);
    }
}
