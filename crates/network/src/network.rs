//! The handle the other rooms hold.

use crate::{AttachRequest, Endpoint, Error, IngressPort, NetworkConfig, NetworkInfo, Result};

/// The networks of this machine. Clones share one state.
#[derive(Clone)]
pub struct Network;

impl Network {
    /// Takes over the kernel's state: endpoints of `live` containers are adopted with their addresses and ports,
    /// everything else of this daemon is removed, what is missing is made.
    pub async fn open(config: NetworkConfig, live: Vec<Endpoint>) -> Result<Network> {
        let _ = (config, live);
        Err(Error::Closed)
    }

    /// Chooses and holds an address and the host's ports. Nothing is wired yet. [`Network::detach`] gives them back.
    pub async fn allocate(&self, request: AttachRequest) -> Result<Endpoint> {
        let _ = request;
        Err(Error::Closed)
    }

    /// Wires the endpoint into the network namespace of process `pid` and publishes its ports.
    pub async fn attach(&self, endpoint: &Endpoint, pid: u32) -> Result<()> {
        let _ = (endpoint, pid);
        Err(Error::Closed)
    }

    /// Brings up `lo` in the network namespace of process `pid`: all there is for `--network none`.
    pub async fn loopback(&self, pid: u32) -> Result<()> {
        let _ = pid;
        Err(Error::Closed)
    }

    /// Gives back the address and the ports of a container. Harmless if there are none. The kernel removes the
    /// interfaces with the container's namespace; if that lives on, they are swept a moment later.
    pub async fn detach(&self, container_id: &str) -> Result<()> {
        let _ = container_id;
        Err(Error::Closed)
    }

    /// All networks: `bridge` (unless there is none), `host` and `none`.
    pub async fn networks(&self) -> Vec<NetworkInfo> {
        Vec::new()
    }

    /// Makes the balanced ports exactly these. Ports that cannot be held are reported in the error, all others work.
    pub async fn set_ingress(&self, ports: Vec<IngressPort>) -> Result<()> {
        let _ = ports;
        Err(Error::Closed)
    }

    /// Compares the kernel with what should be there, and makes again what is missing. Runs by itself from time to time.
    pub async fn reconcile(&self) -> Result<()> {
        Err(Error::Closed)
    }
}
