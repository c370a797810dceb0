//! The handle the other rooms hold.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::{Semaphore, oneshot};

use crate::owner::{self, Event, Reply};
use crate::{AttachRequest, Endpoint, Error, IngressPort, NetworkConfig, NetworkInfo, Result};

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
    /// Takes over the kernel's state: endpoints of `live` containers are adopted with their addresses and ports,
    /// everything else of this daemon is removed, what is missing is made.
    ///
    /// All of it happens in the network namespace of the calling thread.
    pub async fn open(config: NetworkConfig, live: Vec<Endpoint>) -> Result<Network> {
        let (events, opened) = owner::spawn(config, live)?;
        opened.await.map_err(|_| Error::Closed)??;
        Ok(Network(Arc::new(Inner { events, wiring: Semaphore::new(WIRING_LIMIT) })))
    }

    /// Chooses and holds an address and the host's ports. Nothing is wired yet. [`Network::detach`] gives them back.
    pub async fn allocate(&self, request: AttachRequest) -> Result<Endpoint> {
        self.ask(|reply| Event::Allocate(Box::new(request), reply)).await
    }

    /// Wires the endpoint into the network namespace of process `pid` and publishes its ports. The process must
    /// not end before this does, or another one may have its number.
    pub async fn attach(&self, endpoint: &Endpoint, pid: u32) -> Result<()> {
        let _permit = self.0.wiring.acquire().await.map_err(|_| Error::Closed)?;
        self.ask(|reply| Event::Attach(Box::new(endpoint.clone()), pid, reply)).await
    }

    /// Brings up `lo` in the network namespace of process `pid`: all there is for `--network none`.
    pub async fn loopback(&self, pid: u32) -> Result<()> {
        let _permit = self.0.wiring.acquire().await.map_err(|_| Error::Closed)?;
        self.ask(|reply| Event::Loopback(pid, reply)).await
    }

    /// Gives back the address and the ports of a container. Harmless if there are none. The kernel removes the
    /// interfaces with the container's namespace; if that lives on, they are swept some seconds later.
    pub async fn detach(&self, container_id: &str) -> Result<()> {
        self.ask(|reply| Event::Detach(container_id.to_owned(), reply)).await
    }

    /// All networks: `bridge` (unless there is none), `host` and `none`.
    pub async fn networks(&self) -> Vec<NetworkInfo> {
        self.ask(Event::Networks).await.unwrap_or_default()
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
