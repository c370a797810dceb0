//! A running part in a swarm: an agent, and on a manager the manager it talks to.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use manager::clock::Clock;
use manager::dispatcher::DispatcherConfig;
use manager::seal::UnlockKey;
use manager::{BootstrapConfig, Manager, ManagerConfig};
use rest::InitRequest;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::tls::{Identity, SharedIdentity};
use tokio::sync::watch;
use tonic::transport::Channel;
use worker::agent::AgentStatus;
use worker::{Agent, AgentConfig, Executor, Place};

use super::connect::Managers;
use super::membership::{Dir, Membership};

/// Time between two looks at whether the manager leads.
const LEAD_POLL: Duration = Duration::from_millis(5);
/// How long a manager may take to lock its keys.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// What happened to a member.
pub(super) enum Change {
    /// Its standing with the managers.
    Status,
    /// Under what its manager's keys are sealed.
    Lock,
    /// A part of it has failed for good: why.
    Broken(String),
}

pub(super) struct Member {
    membership: Membership,
    identity: SharedIdentity,
    manager: Option<Manager>,
    lock: Option<watch::Receiver<Option<UnlockKey>>>,
    agent: Agent,
    agent_status: watch::Receiver<AgentStatus>,
}

impl Member {
    /// Makes the state of a new swarm; nothing runs yet.
    pub(super) async fn bootstrap(
        dir: &Dir,
        membership: &Membership,
        request: InitRequest,
    ) -> Result<Identity> {
        let bootstrap = BootstrapConfig {
            state_dir: dir.manager(),
            advertise_addr: membership.advertise.to_string(),
            availability: request.availability,
            spec: Some(request.spec),
            clock: Clock::system(),
        };
        Ok(manager::bootstrap(bootstrap).await?)
    }

    /// Starts the manager, if this node is one and has a listener for it, then the agent.
    pub(super) async fn start(
        dir: &Dir,
        membership: Membership,
        identity: SharedIdentity,
        listener: Option<TcpListener>,
        executor: Arc<dyn Executor>,
        unlock_key: Option<UnlockKey>,
    ) -> Result<Self> {
        let own = membership.advertise.to_string();
        let manager = match listener {
            None => None,
            Some(listener) => {
                let config = ManagerConfig {
                    state_dir: dir.manager(),
                    identity: identity.clone(),
                    clock: Clock::system(),
                    dispatcher: DispatcherConfig::default(),
                    unlock_key,
                };
                let manager = manager::start(config).await.context("cannot start the manager")?;
                manager.listen(listener)?;
                Some(manager)
            }
        };
        dir.seal_under(manager.as_ref().map(Manager::keyring));
        let lock = manager.as_ref().map(Manager::lock);
        let local = manager.as_ref().map(|manager| (own.clone(), manager.channel()));
        let place = Place {
            addr: membership.advertise.ip().to_string(),
            manager_addr: manager.as_ref().map(|_| own.clone()).unwrap_or_default(),
        };
        let managers = if manager.is_some() { vec![own] } else { membership.managers.clone() };
        let agent = Agent::start(AgentConfig {
            state_dir: dir.worker(),
            connect: Arc::new(Managers { dir: dir.clone(), identity: identity.clone(), local, place }),
            managers,
            executor,
            alone_after: worker::agent::ALONE_AFTER,
        });
        let agent = agent.await.context("cannot start the agent")?;
        let agent_status = agent.status();
        Ok(Self { membership, identity, manager, lock, agent, agent_status })
    }

    /// Waits for the next thing that the owner should know.
    pub(super) async fn change(&mut self) -> Change {
        let manager = async {
            match &mut self.manager {
                Some(manager) => manager.ended().await,
                None => std::future::pending().await,
            }
        };
        let lock = async {
            match &mut self.lock {
                Some(lock) => lock.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok(()) = lock => Change::Lock,
            Ok(()) = self.agent_status.changed() => Change::Status,
            () = self.agent.broken() => Change::Broken("a part of the agent has ended".to_owned()),
            error = manager => Change::Broken(format!("the manager has failed: {error}")),
        }
    }

    /// Waits until the manager leads; until then it can neither read nor write.
    pub(super) async fn led(&self) {
        while self.manager.as_ref().is_some_and(|manager| !manager.leads()) {
            tokio::time::sleep(LEAD_POLL).await;
        }
    }

    /// Waits until the manager's keys are locked, or not, as the settings of its swarm say.
    pub(super) async fn settle_lock(&self, locked: bool) -> bool {
        let Some(lock) = &self.lock else { return true };
        let mut lock = lock.clone();
        let settled = lock.wait_for(|lock| lock.is_some() == locked);
        matches!(tokio::time::timeout(LOCK_TIMEOUT, settled).await, Ok(Ok(_)))
    }

    /// Under what the manager's keys are sealed.
    pub(super) fn lock(&self) -> Option<UnlockKey> {
        self.lock.as_ref().and_then(|lock| lock.borrow().clone())
    }

    /// The manager of this node, if it is one.
    pub(super) fn manager(&self) -> Option<&Manager> {
        self.manager.as_ref()
    }

    /// Ends the agent, then the manager. With `announce` the managers hear that the absence is meant.
    pub(super) async fn stop(self, announce: bool) {
        self.agent.stop(announce).await;
        if let Some(manager) = self.manager {
            manager.shutdown().await;
        }
    }

    pub(super) fn is_manager(&self) -> bool {
        self.manager.is_some()
    }

    pub(super) fn membership(&self) -> &Membership {
        &self.membership
    }

    pub(super) fn identity(&self) -> Arc<Identity> {
        self.identity.get()
    }

    pub(super) fn agent_status(&self) -> AgentStatus {
        self.agent_status.borrow().clone()
    }

    /// A client of the managers' control service, on a manager.
    pub(super) fn control(&self) -> Option<ControlClient<Channel>> {
        self.manager.as_ref().map(Manager::control)
    }
}
