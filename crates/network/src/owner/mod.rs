//! The thread that owns the state of the networks.
//!
//! Inputs: events, from the handle and from the threads this one starts. Outputs: answers, and kernel state. Its
//! work takes microseconds to a few milliseconds; what takes longer is given to the sweeper. The kernel's
//! namespace it works in is the one of the thread that started it.

mod allocate;
mod attach;
mod detach;
mod dns;
mod ingress;
mod list;
mod open;
mod port;
mod reconcile;
mod retire;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use ipam::Addresses;
use tokio::sync::oneshot;

use crate::hold::{HoldKey, Keeper};
use crate::kernel::Route;
use crate::link::Bridge;
use crate::nft::{Balanced, Firewall, Published};
use crate::resolver::Sockets;
use crate::{
    AttachRequest, Endpoint, Error, IngressPort, NetworkConfig, NetworkRecord, NetworkRequest, Resolver,
    Result,
};

use attach::Publication;
use dns::AllServed;
use sweep::{Sweep, Swept};

pub(crate) use open::spawn;

/// How often the kernel is compared with what should be there.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(30);

/// Where the answer to a request goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

/// What can happen to the owner.
#[expect(dead_code, reason = "networks of users are not made yet")]
pub(crate) enum Event {
    /// Settle and make a network.
    Create(Box<NetworkRequest>, Reply<NetworkRecord>),
    /// Remove a network.
    Remove(String, Reply<NetworkRecord>),
    /// Tell about one network.
    Find(String, Reply<NetworkRecord>),
    /// Choose and hold addresses and ports.
    Allocate(Vec<AttachRequest>, Reply<Vec<Endpoint>>),
    /// Wire a container's endpoints into a process's network namespace.
    Attach(Vec<Endpoint>, u32, Option<Resolver>, Reply<()>),
    /// Wire one more endpoint of a running container.
    Connect(Box<Endpoint>, u32, Reply<Vec<Endpoint>>),
    /// Take a running container off a network.
    Disconnect { container_id: String, network_id: String, reply: Reply<Vec<Endpoint>> },
    /// Give a container other names.
    Rename {
        container_id: String,
        container_name: String,
        names: BTreeMap<String, Vec<String>>,
        reply: Reply<Vec<Endpoint>>,
    },
    /// An endpoint is wired: publish its ports, and start its DNS.
    Wired(String, Option<(Resolver, Sockets)>, Reply<()>),
    /// The sockets of a container's DNS have been made anew.
    Heard(String, Sockets),
    /// Bring up the loopback interface in a process's network namespace.
    Loopback(u32, Reply<()>),
    /// Give back what a container has.
    Detach(String, Reply<()>),
    /// Tell about all networks.
    Networks(Reply<Vec<NetworkRecord>>),
    /// The wanted state of all balanced ports.
    Ingress(Vec<IngressPort>, Reply<()>),
    /// Compare the kernel with what should be there.
    Reconcile(Reply<()>),
    /// The daemon ends in order.
    Retire(Reply<()>),
    /// The sweeper is done with its chores.
    Swept(Swept),
    /// A deadline has passed.
    Tick,
    /// The last handle is gone.
    Close,
}

/// The default bridge with its addresses.
struct BridgeNetwork {
    id: String,
    bridge: Bridge,
    addresses: Addresses,
}

/// All state there is.
pub(crate) struct Owner {
    config: NetworkConfig,
    events: Receiver<Event>,
    /// For the threads this one starts.
    sender: Sender<Event>,
    route: Route,
    network: Option<BridgeNetwork>,
    /// By container.
    endpoints: BTreeMap<String, Endpoint>,
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
        let deadline = self.sweep.deadline().map_or(self.next_reconcile, |due| due.min(self.next_reconcile));
        match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Event::Tick,
            Err(RecvTimeoutError::Disconnected) => Event::Close,
        }
    }

    fn handle_event(&mut self, event: Event) {
        // Whoever asked may have given up; the answer then has no one to go to.
        match event {
            Event::Create(_, reply) => drop(reply.send(Err(Error::NotImplemented("creating networks")))),
            Event::Remove(_, reply) => drop(reply.send(Err(Error::NotImplemented("removing networks")))),
            Event::Find(reference, reply) => drop(reply.send(self.find(&reference))),
            Event::Allocate(requests, reply) => drop(reply.send(self.allocate(requests))),
            Event::Attach(endpoints, pid, dns, reply) => self.attach(endpoints, pid, dns, reply),
            Event::Connect(_, _, reply) => {
                drop(reply.send(Err(Error::NotImplemented("connecting running containers"))));
            }
            Event::Disconnect { reply, .. } => {
                drop(reply.send(Err(Error::NotImplemented("disconnecting running containers"))));
            }
            Event::Rename { reply, .. } => drop(reply.send(Err(Error::NotImplemented("renaming endpoints")))),
            Event::Wired(container_id, dns, reply) => self.publish(&container_id, dns, reply),
            Event::Heard(container_id, sockets) => self.hear(&container_id, &sockets),
            Event::Loopback(pid, reply) => self.raise_loopback(pid, reply),
            Event::Detach(container_id, reply) => drop(reply.send(self.detach(&container_id))),
            Event::Networks(reply) => drop(reply.send(Ok(self.networks()))),
            Event::Ingress(ports, reply) => self.set_ingress(&ports, reply),
            Event::Reconcile(reply) => drop(reply.send(self.reconcile())),
            Event::Retire(reply) => drop(reply.send(self.retire())),
            Event::Swept(swept) => self.swept(swept),
            Event::Tick => self.tick(),
            Event::Close => {}
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now >= self.next_reconcile
            && let Err(error) = self.reconcile()
        {
            tracing::warn!(%error, "kernel state of networks cannot be restored, trying again later");
        }
        self.sweep.dispatch(now);
    }
}
