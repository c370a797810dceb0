//! A worker of the cluster: an agent that comes and goes, and the containers that stay.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use swarm_api::channel::{self, Tcp};
use swarm_api::tls::{Identity, SharedIdentity};
use tokio::sync::watch;
use tonic::transport::Channel;
use worker::fake::FakeExecutor;
use worker::{Agent, AgentConfig, AgentError, Connect, ErrorKind, Farewell};

use super::leader::Leader;
use super::{PATIENCE, POLL};

/// One worker.
pub struct Member {
    /// Its id in the swarm.
    pub node_id: String,
    /// Its containers.
    pub executor: FakeExecutor,
    identity: SharedIdentity,
    state_dir: PathBuf,
    alone_after: Duration,
    is_cut_off: watch::Sender<bool>,
    agent: Option<Agent>,
}

impl Member {
    pub(super) fn new(
        identity: SharedIdentity,
        executor: FakeExecutor,
        state_dir: PathBuf,
        alone_after: Duration,
    ) -> Self {
        let node_id = identity.get().node_id.to_string();
        let is_cut_off = watch::Sender::new(false);
        Member { node_id, executor, identity, state_dir, alone_after, is_cut_off, agent: None }
    }

    /// Whether it can make connections to managers. Those that stand are left alone.
    pub fn set_cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.send_replace(is_cut_off);
    }

    /// Its certificate of the moment.
    pub fn identity(&self) -> Arc<Identity> {
        self.identity.get()
    }

    /// The ids of the secrets and configs that it holds, and of the services whose registry credentials it holds.
    pub fn stock(&self) -> Vec<String> {
        self.agent.as_ref().map(|agent| agent.status().borrow().stock.clone()).unwrap_or_default()
    }

    /// Whether its agent runs.
    pub fn is_present(&self) -> bool {
        self.agent.is_some()
    }

    pub(super) fn vanish(&mut self) {
        self.agent = None;
    }

    pub(super) async fn say_goodbye(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop(Farewell::Absent).await;
        }
    }

    pub(super) async fn come_back(&mut self, leader: &Leader) -> anyhow::Result<()> {
        let config = AgentConfig {
            state_dir: self.state_dir.clone(),
            connect: Arc::new(Loopback {
                identity: self.identity.clone(),
                addr: leader.addr(),
                is_cut_off: self.is_cut_off.subscribe(),
            }),
            managers: vec!["the leader".to_owned()],
            executor: Arc::new(self.executor.clone()),
            alone_after: self.alone_after,
        };
        let begun = tokio::time::Instant::now();
        loop {
            match Agent::start(config.clone()).await {
                Ok(agent) => {
                    self.agent = Some(agent);
                    return Ok(());
                }
                // The journal of an agent that was dropped is let go of a moment later.
                Err(error) if is_held(&error) && begun.elapsed() < PATIENCE => tokio::time::sleep(POLL).await,
                Err(error) => return Err(error).context("start an agent"),
            }
        }
    }
}

fn is_held(error: &AgentError) -> bool {
    error.kind() == ErrorKind::Conflict
}

/// Channels to wherever the manager listens by now.
struct Loopback {
    identity: SharedIdentity,
    addr: watch::Receiver<SocketAddr>,
    is_cut_off: watch::Receiver<bool>,
}

#[async_trait]
impl Connect for Loopback {
    async fn connect(&self, _addr: &str) -> Result<Channel, String> {
        if *self.is_cut_off.borrow() {
            return Err("cut off".to_owned());
        }
        let addr = self.addr.borrow().to_string();
        channel::connect(&addr, &self.identity, Arc::new(Tcp)).map_err(|error| error.to_string())
    }

    async fn connect_unknown(&self, _addr: &str) -> Result<Channel, String> {
        let addr = self.addr.borrow().to_string();
        channel::connect_unknown(&addr, &self.identity, Arc::new(Tcp)).map_err(|error| error.to_string())
    }

    fn identity(&self) -> Option<SharedIdentity> {
        Some(self.identity.clone())
    }
}
