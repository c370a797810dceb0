//! The manager of the cluster: the real one, its log in a directory, listening on loopback.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use manager::clock::Clock;
use manager::dispatcher::DispatcherConfig;
use manager::store::View;
use manager::{BootstrapConfig, Manager, ManagerConfig};
use swarm_api::channel::Tcp;
use swarm_api::join::{join, renew};
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::{self, NodeAvailability};
use swarm_api::tls::{NodeKey, SharedIdentity};
use tokio::sync::watch;
use tonic::transport::Channel;

use super::{LOSS, PATIENCE, POLL};

/// Agents of the cluster beat so often.
const PERIOD: Duration = Duration::from_millis(200);
/// How long a new leader waits for agents: longer than they may wait between two tries.
const FIRST_BEAT: Duration = Duration::from_secs(10);

/// The manager, which can be stopped and started again.
pub(super) struct Leader {
    state_dir: PathBuf,
    identity: SharedIdentity,
    manager: Option<Manager>,
    addr: watch::Sender<SocketAddr>,
}

impl Leader {
    /// Founds a swarm in `state_dir`. The manager's own node takes no tasks, since no agent runs on it.
    pub(super) async fn found(state_dir: PathBuf) -> anyhow::Result<Leader> {
        std::fs::create_dir_all(&state_dir)?;
        let config = BootstrapConfig {
            state_dir: state_dir.clone(),
            advertise_addr: String::new(),
            availability: NodeAvailability::Drain,
            spec: None,
            root: None,
            clock: Clock::system(),
        };
        let identity = SharedIdentity::new(manager::bootstrap(config).await.context("found a swarm")?);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut leader = Leader { state_dir, identity, manager: None, addr: watch::Sender::new(nowhere) };
        leader.start().await?;
        Ok(leader)
    }

    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let config = ManagerConfig {
            state_dir: self.state_dir.clone(),
            identity: self.identity.clone(),
            clock: Clock::system(),
            dispatcher: DispatcherConfig {
                period: Some(PERIOD),
                loss: Some(LOSS),
                first_beat: Some(FIRST_BEAT),
                ..DispatcherConfig::default()
            },
            unlock_key: None,
            dialer: Arc::new(Tcp),
            advertise_addr: String::new(),
            managers: Vec::new(),
        };
        let manager = manager::start(config).await.context("start the manager")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        manager.listen(listener)?;
        let begun = tokio::time::Instant::now();
        // A leader that has just been elected may not have applied all of its log: a read waits for that.
        while manager.control().get_cluster(pb::Empty {}).await.is_err() {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "the manager does not lead");
            tokio::time::sleep(POLL).await;
        }
        self.manager = Some(manager);
        self.addr.send_replace(addr);
        Ok(())
    }

    pub(super) async fn stop(&mut self) {
        if let Some(manager) = self.manager.take() {
            manager.shutdown().await;
        }
    }

    /// Makes a new node of the swarm, as a machine with the worker's token does.
    pub(super) async fn join(&self) -> anyhow::Result<SharedIdentity> {
        let cluster = self.control()?.get_cluster(pb::Empty {}).await?.into_inner();
        let token = cluster.join_tokens.unwrap_or_default().worker;
        let addr = self.addr.borrow().to_string();
        let key = NodeKey::generate()?;
        let identity = join(Arc::new(Tcp), &addr, &token, &key, NodeAvailability::Active).await?;
        Ok(SharedIdentity::new(identity))
    }

    /// Gets the manager a fresh certificate, as the agent of its node would.
    pub(super) async fn renew(&self) -> anyhow::Result<()> {
        let channel = self.manager.as_ref().context("the manager is stopped")?.channel();
        let key = NodeKey::from_pem(&self.identity.get().key_pem)?;
        self.identity.set(renew(channel, &key).await?);
        Ok(())
    }

    /// Where the manager listens, now and after each start.
    pub(super) fn addr(&self) -> watch::Receiver<SocketAddr> {
        self.addr.subscribe()
    }

    pub(super) fn view(&self) -> View {
        self.manager.as_ref().map(|manager| manager.store().view()).unwrap_or_default()
    }

    pub(super) fn control(&self) -> anyhow::Result<ControlClient<Channel>> {
        Ok(self.manager.as_ref().context("the manager is stopped")?.control())
    }
}
