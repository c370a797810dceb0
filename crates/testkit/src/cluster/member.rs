//! A worker of the cluster: an agent that comes and goes, and the containers that stay.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use swarm_api::channel::{self, IncomingSender};
use swarm_api::role::Role;
use swarm_api::tls::Peer;
use tokio::sync::watch;
use tonic::transport::Channel;
use worker::fake::FakeExecutor;
use worker::{Agent, AgentConfig, Connect};

use super::leader::Leader;

/// One worker.
pub struct Member {
    /// Its id in the swarm.
    pub node_id: String,
    /// Its containers.
    pub executor: FakeExecutor,
    state_dir: PathBuf,
    agent: Option<Agent>,
}

impl Member {
    pub(super) fn new(node_id: String, executor: FakeExecutor, state_dir: PathBuf) -> Self {
        Member { node_id, executor, state_dir, agent: None }
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
            agent.stop(true).await;
        }
    }

    pub(super) async fn come_back(&mut self, leader: &Leader) -> anyhow::Result<()> {
        let config = AgentConfig {
            state_dir: self.state_dir.clone(),
            connect: Arc::new(Pipes { node_id: self.node_id.clone(), door: leader.door() }),
            managers: vec!["the leader".to_owned()],
            executor: Arc::new(self.executor.clone()),
        };
        // The journal of an agent that was dropped is let go of a moment later.
        let begun = tokio::time::Instant::now();
        loop {
            match Agent::start(config.clone()).await {
                Ok(agent) => {
                    self.agent = Some(agent);
                    return Ok(());
                }
                Err(error) if begun.elapsed() > super::PATIENCE => {
                    return Err(error).context("start an agent");
                }
                Err(_) => tokio::time::sleep(super::POLL).await,
            }
        }
    }
}

/// Channels to whoever leads, as one node.
struct Pipes {
    node_id: String,
    door: watch::Receiver<Option<IncomingSender>>,
}

#[async_trait]
impl Connect for Pipes {
    async fn connect(&self, addr: &str) -> Result<Channel, String> {
        let door = self.door.borrow().clone().ok_or_else(|| format!("{addr} is away"))?;
        let peer = Peer::Node { node_id: self.node_id.clone().into(), role: Role::Worker };
        Ok(channel::in_process(door, peer))
    }
}
