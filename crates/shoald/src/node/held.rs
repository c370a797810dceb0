//! A part in a swarm that cannot be taken up: its manager is locked, or its state is damaged.
//!
//! The tasks of this node run on and are restarted, as on any node that no manager can be asked for; nothing else is done.

use std::sync::Arc;

use anyhow::{Context, Error, Result};
use async_trait::async_trait;
use manager::ManagerError;
use manager::seal::{SealError, UnlockKey};
use rest::{LocalState, NodeError, NodeStatus};
use tonic::transport::Channel;
use worker::{Agent, AgentConfig, Connect, Executor, Farewell};

use super::membership::{Dir, Membership};

/// What keeps a part in a swarm from being taken up.
#[derive(Debug, Clone)]
pub(super) enum Why {
    /// The manager waits for its unlock key.
    Locked,
    /// The manager's state cannot be used: why.
    Broken(String),
}

/// The part, with an agent that has nobody to ask.
pub(super) struct Held {
    pub(super) why: Why,
    /// With what the manager was unlocked before it turned out to be broken.
    pub(super) unlock_key: Option<UnlockKey>,
    membership: Membership,
    agent: Agent,
}

impl Why {
    /// Whether this failure is one to be held by: anything else ends the daemon, and is tried again when it is started again.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error.downcast_ref::<SealError>() {
            Some(SealError::Locked(_)) => return Some(Self::Locked),
            Some(_) => return Some(Self::Broken(format!("{error:#}"))),
            None => {}
        }
        match error.downcast_ref::<ManagerError>() {
            Some(ManagerError::Consensus(_) | ManagerError::Seal(_)) => {
                Some(Self::Broken(format!("{error:#}")))
            }
            _ => None,
        }
    }
}

impl Held {
    pub(super) async fn start(
        dir: &Dir,
        membership: Membership,
        why: Why,
        unlock_key: Option<UnlockKey>,
        executor: Arc<dyn Executor>,
    ) -> Result<Self> {
        let reason = match &why {
            Why::Locked => NodeError::Locked.to_string(),
            Why::Broken(reason) => reason.clone(),
        };
        let agent = Agent::start(AgentConfig {
            state_dir: dir.worker(),
            connect: Arc::new(Nobody { reason }),
            managers: vec![membership.advertise.to_string()],
            executor,
            alone_after: worker::agent::ALONE_AFTER,
        });
        let agent = agent.await.context("cannot start the agent")?;
        Ok(Self { why, unlock_key, membership, agent })
    }

    pub(super) async fn stop(self) {
        self.agent.stop(Farewell::Silent).await;
    }

    pub(super) fn status(&self) -> NodeStatus {
        let (state, error) = match &self.why {
            Why::Locked => (LocalState::Locked, String::new()),
            Why::Broken(reason) => (LocalState::Error, reason.clone()),
        };
        let node_addr = self.membership.advertise.ip().to_string();
        NodeStatus { state, node_addr, error, ..NodeStatus::default() }
    }

    /// What a request for managers is answered.
    pub(super) fn refusal(&self) -> NodeError {
        match &self.why {
            Why::Locked => NodeError::Locked,
            Why::Broken(reason) => NodeError::Unavailable(reason.clone()),
        }
    }
}

/// No manager can be asked.
struct Nobody {
    reason: String,
}

#[async_trait]
impl Connect for Nobody {
    async fn connect(&self, _addr: &str) -> Result<Channel, String> {
        Err(self.reason.clone())
    }
}
