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

use super::membership::{Dir, Membership, Unusable};

/// What to do about a manager whose log or keys cannot be used. A new cluster beside managers that are well would be a second one.
const REMEDY: &str = "if other managers are well, `swarm leave --force` here, `node demote` and `node rm` this node there, and join again; \
     if none is left, `swarm init --force-new-cluster` goes on with what there is";
/// What to do about a node that does not know who it is.
const REJOIN: &str = "put the file back, or `swarm leave --force` and join again";

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
    /// None, if it is that which cannot be read.
    membership: Option<Membership>,
    agent: Agent,
}

impl Why {
    /// Whether this failure is one to be held by: anything else ends the daemon, and is tried again when it is started again.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error.downcast_ref::<SealError>() {
            Some(SealError::Locked(_)) => return Some(Self::Locked),
            Some(_) => return Some(Self::Broken(format!("{error:#}: {REMEDY}"))),
            None => {}
        }
        if error.downcast_ref::<Unusable>().is_some() {
            return Some(Self::Broken(format!("{error:#}: {REJOIN}")));
        }
        match error.downcast_ref::<ManagerError>() {
            Some(ManagerError::Consensus(_) | ManagerError::Seal(_)) => {
                Some(Self::Broken(format!("{error:#}: {REMEDY}")))
            }
            _ => None,
        }
    }
}

impl Held {
    pub(super) async fn start(
        dir: &Dir,
        membership: Option<Membership>,
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
            managers: membership.iter().map(|membership| membership.advertise.to_string()).collect(),
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
        let node_addr =
            self.membership.as_ref().map(|known| known.advertise.ip().to_string()).unwrap_or_default();
        NodeStatus { state, node_addr, error, ..NodeStatus::default() }
    }

    /// Whether what is held may be a manager's, of which others would be without.
    pub(super) fn may_manage(&self) -> bool {
        self.membership.as_ref().is_none_or(|membership| membership.manager)
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

#[cfg(test)]
mod tests {
    use manager::ConsensusError;

    use super::*;

    fn said(error: Error) -> String {
        match Why::of(&error) {
            Some(Why::Broken(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_broken_is_said_once_and_with_what_to_do() {
        let torn = std::io::Error::other("raft.redb: entry 7 is missing");
        let error =
            Error::from(ManagerError::from(ConsensusError::from(torn))).context("cannot start the manager");
        assert_eq!(said(error), format!("cannot start the manager: raft.redb: entry 7 is missing: {REMEDY}"));
        let unread =
            Unusable::Unread { path: "node.json".into(), error: std::io::ErrorKind::NotFound.into() };
        let error = Error::from(unread).context("cannot read the swarm's state");
        assert_eq!(
            said(error),
            format!("cannot read the swarm's state: node.json: entity not found: {REJOIN}")
        );
        assert!(Why::of(&Error::msg("the port is in use")).is_none());
    }
}
