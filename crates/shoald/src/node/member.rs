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
use swarm_api::channel::Tcp;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::{self, NodeRole};
use swarm_api::role::Role;
use swarm_api::tls::{Identity, SharedIdentity};
use tokio::sync::watch;
use tonic::transport::Channel;
use worker::agent::AgentStatus;
use worker::{Agent, AgentConfig, Executor, Farewell};

use super::connect::{Local, Managers};
use super::membership::{Dir, Membership};

/// Time between two looks at whether the manager leads.
const LEAD_POLL: Duration = Duration::from_millis(5);
/// How long a manager may take to lock its keys.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two looks at whether a manager that leaves is out of the group.
const LEAVE_POLL: Duration = Duration::from_millis(20);

/// What happened to a member.
pub(super) enum Change {
    /// Its standing with the managers.
    Status,
    /// Under what its manager's keys are sealed.
    Lock,
    /// A part of it has failed for good: why.
    Broken(String),
}

/// What the managers want of a node that it is not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// To manage.
    Promote,
    /// To manage no longer; the others have let its member go.
    Demote,
}

pub(super) struct Member {
    membership: Membership,
    identity: SharedIdentity,
    manager: Option<Manager>,
    lock: Option<watch::Receiver<Option<UnlockKey>>>,
    /// The manager of this process, for the agent.
    local: watch::Sender<Local>,
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
            root: request.root,
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
        let (local, agents_local) = watch::channel(None);
        let mut managers = membership.managers.clone();
        let manager = match listener {
            None => None,
            Some(listener) => {
                let manager = start_manager(dir, &membership, &identity, listener, unlock_key).await?;
                let own = membership.advertise.to_string();
                local.send_replace(Some((own.clone(), manager.channel())));
                managers.insert(0, own);
                Some(manager)
            }
        };
        dir.seal_under(manager.as_ref().map(Manager::keyring));
        let lock = manager.as_ref().map(Manager::lock);
        // An address that was not found out is none.
        let ip = membership.advertise.ip();
        let addr = if ip.is_unspecified() { String::new() } else { ip.to_string() };
        let connect = Managers { dir: dir.clone(), identity: identity.clone(), local: agents_local, addr };
        let agent = Agent::start(AgentConfig {
            state_dir: dir.worker(),
            connect: Arc::new(connect),
            managers,
            executor,
            alone_after: worker::agent::ALONE_AFTER,
        });
        let agent = agent.await.context("cannot start the agent")?;
        let agent_status = agent.status();
        Ok(Self { membership, identity, manager, lock, local, agent, agent_status })
    }

    /// What the managers want, as they last told. The agent sees to the certificate: a manager's must be there first, and the
    /// worker's comes when the manager is gone.
    pub(super) fn turn(&self) -> Option<Turn> {
        let status = self.agent_status.borrow();
        let node = status.node.as_ref()?;
        let wanted = node.spec.as_ref()?.role();
        match (wanted, self.is_manager()) {
            (NodeRole::Manager, false) if self.identity().role == Role::Manager => Some(Turn::Promote),
            (NodeRole::Worker, true) if node.manager_status.is_none() => Some(Turn::Demote),
            _ => None,
        }
    }

    /// Reminds the managers of this one, if the node's record says nothing of it: it was to be a worker for so short a time that this
    /// node has not heard of it.
    pub(super) fn remind(&self) {
        let status = self.agent_status.borrow();
        let is_forgotten = |node: &pb::Node| {
            let is_wanted = node.spec.as_ref().is_some_and(|spec| spec.role() == NodeRole::Manager);
            is_wanted && node.manager_status.is_none()
        };
        if let Some(manager) =
            self.manager.as_ref().filter(|_| status.node.as_ref().is_some_and(is_forgotten))
        {
            manager.announce();
        }
    }

    /// The address at which a manager saw this node.
    pub(super) fn seen_addr(&self) -> Option<String> {
        let status = self.agent_status.borrow();
        status.node.as_ref()?.status.as_ref().map(|status| status.addr.clone())
    }

    /// Becomes a manager: its place on disk, its record, then the manager itself. The agent and its containers go on. A crash in
    /// between is taken up by the next start.
    pub(super) async fn promote(
        &mut self,
        dir: &Dir,
        membership: Membership,
        listener: TcpListener,
    ) -> Result<()> {
        prepare(dir, &membership, &self.identity())?;
        dir.save(&membership).context("cannot note that this node is a manager")?;
        let manager = start_manager(dir, &membership, &self.identity, listener, None).await?;
        dir.seal_under(Some(manager.keyring()));
        dir.save_identity(&self.identity()).context("cannot seal the node's key")?;
        self.lock = Some(manager.lock());
        self.local.send_replace(Some((membership.advertise.to_string(), manager.channel())));
        self.membership = membership;
        self.manager = Some(manager);
        Ok(())
    }

    /// Is a manager no longer. The agent and its containers go on. What the manager had on disk is of no use to anybody.
    pub(super) async fn demote(&mut self, dir: &Dir) -> Result<()> {
        let managers = self.others();
        self.local.send_replace(None);
        if let Some(manager) = self.manager.take() {
            manager.shutdown().await;
        }
        // The keys go with the manager.
        self.lock = None;
        dir.seal_under(None);
        dir.save_identity(&self.identity()).context("cannot keep the node's key without its seal")?;
        self.membership.manager = false;
        self.membership.managers = managers;
        dir.save(&self.membership).context("cannot note that this node is a worker")?;
        manager::discard(&dir.manager()).context("cannot remove the state of the manager")?;
        Ok(())
    }

    /// Leaves the managers: asks to be demoted, and waits until the others go on without this one.
    pub(super) async fn step_down(&self) -> Result<()> {
        let Some(manager) = &self.manager else { return Ok(()) };
        let mut control = manager.control();
        let reference = self.identity().node_id.to_string();
        let node = control.get_node(pb::GetRequest { reference: reference.clone() }).await?.into_inner();
        let mut spec = node.spec.unwrap_or_default();
        spec.set_role(NodeRole::Worker);
        let version = node.meta.unwrap_or_default().version;
        let request = pb::UpdateNodeRequest { reference: reference.clone(), version, spec: Some(spec) };
        control.update_node(request).await?;
        loop {
            let node = control.get_node(pb::GetRequest { reference: reference.clone() }).await?.into_inner();
            if node.manager_status.is_none() {
                return Ok(());
            }
            tokio::time::sleep(LEAVE_POLL).await;
        }
    }

    /// Addresses of the managers besides this node.
    fn others(&self) -> Vec<String> {
        let own = self.membership.advertise.to_string();
        self.agent_status.borrow().managers.iter().filter(|addr| **addr != own).cloned().collect()
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

    /// Waits until some manager leads, as far as this one knows; until then it can neither read nor write.
    pub(super) async fn led(&self) {
        while self.manager.as_ref().is_some_and(|manager| !manager.is_led()) {
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

    /// Ends the agent, then the manager.
    pub(super) async fn stop(self, farewell: Farewell) {
        self.agent.stop(farewell).await;
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

/// Makes room for the manager of a node that is to become one. To be done before the node's record says that it is one: a
/// manager that finds nothing on its disk is refused.
pub(super) fn prepare(dir: &Dir, membership: &Membership, identity: &Identity) -> Result<()> {
    let made = manager::prepare(&dir.manager(), identity, &membership.advertise.to_string());
    made.context("cannot make room for the manager")
}

async fn start_manager(
    dir: &Dir,
    membership: &Membership,
    identity: &SharedIdentity,
    listener: TcpListener,
    unlock_key: Option<UnlockKey>,
) -> Result<Manager> {
    let advertise_addr = membership.advertise.to_string();
    let config = ManagerConfig {
        state_dir: dir.manager(),
        identity: identity.clone(),
        clock: Clock::system(),
        dispatcher: DispatcherConfig::default(),
        dialer: Arc::new(Tcp),
        advertise_addr,
        managers: membership.managers.clone(),
        unlock_key,
    };
    let manager = manager::start(config).await.context("cannot start the manager")?;
    manager.listen(listener)?;
    Ok(manager)
}
