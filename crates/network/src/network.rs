//! The handle the other rooms hold.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::{Semaphore, oneshot};

use crate::owner::{self, Event, Reply};
use crate::{
    AttachRequest, Endpoint, Error, FirewallReport, IngressPort, Live, NetworkConfig, NetworkRecord,
    NetworkRequest, Resolver, Result,
};
use std::collections::BTreeMap;

/// How many threads may be in containers' namespaces at once. The kernel's lock lets one of them work at a time.
const WIRING_LIMIT: usize = 8;

/// The networks of this machine. Clones share one state; when the last is dropped, the state's thread ends and the
/// kernel's state stays, since the containers do.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    events: Sender<Event>,
    wiring: Semaphore,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // An owner that is gone has nothing to close.
        let _ = self.events.send(Event::Close);
    }
}

impl Network {
    /// Takes over the kernel's state: `networks` are what [`Network::create`] gave and [`Network::remove`] has not
    /// taken. Endpoints of `live` containers are adopted with their addresses and ports, everything else of this
    /// daemon is removed, what is missing is made.
    ///
    /// All of it happens in the network namespace of the calling thread.
    pub async fn open(
        config: NetworkConfig,
        networks: Vec<NetworkRecord>,
        live: Vec<Live>,
    ) -> Result<Network> {
        let (events, opened) = owner::spawn(config, networks, live)?;
        opened.await.map_err(|_| Error::Closed)??;
        Ok(Network(Arc::new(Inner { events, wiring: Semaphore::new(WIRING_LIMIT) })))
    }

    /// Settles what is asked and makes it in the kernel. The caller stores the record; what it has not stored when
    /// it opens the networks again is removed then.
    pub async fn create(&self, request: NetworkRequest) -> Result<NetworkRecord> {
        self.ask(|reply| Event::Create(Box::new(request), reply)).await
    }

    /// Removes a network that no container is attached to. Answers what it was.
    pub async fn remove(&self, reference: &str) -> Result<NetworkRecord> {
        self.ask(|reply| Event::Remove(reference.to_owned(), reply)).await
    }

    /// All networks, the predefined ones first: `bridge` (unless there is none), `host` and `none`.
    pub async fn networks(&self) -> Vec<NetworkRecord> {
        self.ask(Event::Networks).await.unwrap_or_default()
    }

    /// One network, by whole id, then by name, then by the beginning of an id.
    pub async fn find(&self, reference: &str) -> Result<NetworkRecord> {
        self.ask(|reply| Event::Find(reference.to_owned(), reply)).await
    }

    /// Chooses and holds addresses, and the host's ports, for all networks that one container is to be attached to:
    /// all of it or nothing. Nothing is wired yet. [`Network::detach`] gives everything back.
    ///
    /// The answers come in the order of the requests. Called again for a container that has endpoints, for
    /// [`Network::connect`], it adds to them.
    pub async fn allocate(&self, requests: Vec<AttachRequest>) -> Result<Vec<Endpoint>> {
        self.ask(|reply| Event::Allocate(requests, reply)).await
    }

    /// Wires all of a container's endpoints into the network namespace of process `pid`, brings up its loopback
    /// interface, sets its routes, publishes its ports, and starts its DNS if it is on a network of a user's. The
    /// process must not end before this does, or another one may have its number.
    pub async fn attach(&self, endpoints: &[Endpoint], pid: u32, dns: Option<Resolver>) -> Result<()> {
        let _permit = self.0.wiring.acquire().await.map_err(|_| Error::Closed)?;
        let Some(container_id) = endpoints.first().map(|endpoint| endpoint.container_id.clone()) else {
            return self.ask(|reply| Event::Loopback(pid, reply)).await;
        };
        self.ask(|reply| Event::Attach { container_id, pid, dns, reply }).await
    }

    /// Wires one more endpoint, which [`Network::allocate`] gave, into a running container. The way out and the published ports move if
    /// the new network is the better one. A container that has no DNS yet gets one if `dns` says whom it asks.
    /// Answers all endpoints of the container as they are now.
    pub async fn connect(
        &self,
        endpoint: &Endpoint,
        pid: u32,
        dns: Option<Resolver>,
    ) -> Result<Vec<Endpoint>> {
        let _permit = self.0.wiring.acquire().await.map_err(|_| Error::Closed)?;
        let endpoint = Box::new(endpoint.clone());
        self.ask(|reply| Event::Connect { endpoint, pid, dns, reply }).await
    }

    /// Takes a running container off a network, and gives back what it had there. The way out and the published
    /// ports move. Answers the endpoints that are left, as they are now.
    pub async fn disconnect(&self, container_id: &str, network_id: &str) -> Result<Vec<Endpoint>> {
        let _permit = self.0.wiring.acquire().await.map_err(|_| Error::Closed)?;
        let (container_id, network_id) = (container_id.to_owned(), network_id.to_owned());
        self.ask(|reply| Event::Disconnect { container_id, network_id, reply }).await
    }

    /// Gives a running container other names for the embedded DNS; `names` is by network id. Answers its endpoints
    /// as they are now.
    pub async fn rename(
        &self,
        container_id: &str,
        container_name: &str,
        names: BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<Endpoint>> {
        let (container_id, container_name) = (container_id.to_owned(), container_name.to_owned());
        self.ask(|reply| Event::Rename { container_id, container_name, names, reply }).await
    }

    /// Brings up `lo` in the network namespace of process `pid`: all there is for `--network none`.
    pub async fn loopback(&self, pid: u32) -> Result<()> {
        let _permit = self.0.wiring.acquire().await.map_err(|_| Error::Closed)?;
        self.ask(|reply| Event::Loopback(pid, reply)).await
    }

    /// Gives back all addresses and ports of a container. Harmless if there are none. The kernel removes the
    /// interfaces with the container's namespace; if that lives on, they are swept some seconds later.
    pub async fn detach(&self, container_id: &str) -> Result<()> {
        self.ask(|reply| Event::Detach(container_id.to_owned(), reply)).await
    }

    /// Makes the balanced ports exactly these. Ports that cannot be held are reported in the error, all others work.
    pub async fn set_ingress(&self, ports: Vec<IngressPort>) -> Result<()> {
        self.ask(|reply| Event::Ingress(ports, reply)).await
    }

    /// Compares the kernel with what should be there, and makes again what is missing. This also runs by itself
    /// from time to time.
    pub async fn reconcile(&self) -> Result<()> {
        self.ask(Event::Reconcile).await
    }

    /// Which chains of other programs stand in the way of containers, and of what.
    pub async fn firewall_report(&self) -> Result<FirewallReport> {
        self.ask(Event::Report).await
    }

    /// The last request of a daemon that ends in order: removes bridge and rules, unless a container still uses them.
    pub async fn retire(&self) -> Result<()> {
        self.ask(Event::Retire).await
    }

    async fn ask<T>(&self, event: impl FnOnce(Reply<T>) -> Event) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.events.send(event(reply)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}
