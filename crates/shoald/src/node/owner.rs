//! The task that owns this machine's part in a swarm.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use manager::seal::UnlockKey;
use rest::{
    Backup, BackupRequest, InitRequest, JoinRequest, LocalState, NodeError, NodeStatus, Peer, RestoreRequest,
};
use swarm_api::channel::Tcp;
use swarm_api::join;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::role::Role;
use swarm_api::tls::{Identity, SharedIdentity};
use swarm_api::validate;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::transport::Channel;
use worker::Executor;

use super::held::Held;
use super::member::{self, Change, Member};
use super::membership::{Dir, Membership};
use super::{Settings, address, quorum};
use crate::executor::EngineExecutor;

/// Docker's words.
const JOIN_LATE: &str = "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the \"docker info\" command to see the current swarm status of your node.";

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, NodeError>>;

/// How long a manager may take to lead its swarm of one.
const LEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a daemon that starts waits for a leader: an election takes about a second.
const RESUME_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a new manager may take to be one of the managers.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the others may take to let a manager go that leaves.
const STEP_DOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked of the owner.
pub(super) enum Request {
    Init(Box<InitRequest>, Reply<String>),
    Join(Box<JoinRequest>, Reply<()>),
    Leave { force: bool, reply: Reply<()> },
    Unlock(String, Reply<()>),
    Backup(Box<BackupRequest>, Reply<Backup>),
    Restore(Box<RestoreRequest>, Reply<String>),
    Stop(Reply<()>),
}

/// What others may read at any time.
#[derive(Clone, Default)]
pub(super) struct Published {
    pub(super) status: NodeStatus,
    pub(super) control: Option<ControlClient<Channel>>,
    /// Why the node's part has failed for good.
    pub(super) broken: Option<String>,
}

pub(super) struct Owner {
    pub(super) settings: Settings,
    pub(super) dir: Dir,
    pub(super) executor: EngineExecutor,
    pub(super) member: Option<Member>,
    /// What is remembered and cannot be taken up, instead of a member.
    pub(super) held: Option<Held>,
    published: watch::Sender<Published>,
    /// When a turn of role that did not succeed is tried again.
    pub(super) retry_turn: Option<tokio::time::Instant>,
}

/// Where a node that joins would serve, if it is to be a manager.
struct Place {
    listen: SocketAddr,
    advertise: Result<SocketAddr, NodeError>,
    listener: Result<TcpListener, NodeError>,
    advertise_text: String,
    data_path_addr: String,
}

enum Event {
    /// The managers' wish is tried again.
    Turn,
    Request(Request),
    Change(Change),
    /// Nobody holds the handle any more.
    Closed,
}

impl Owner {
    pub(super) fn new(
        settings: Settings,
        executor: EngineExecutor,
        published: watch::Sender<Published>,
    ) -> Self {
        let dir = Dir::new(&settings.data_root);
        Self { settings, dir, executor, member: None, held: None, published, retry_turn: None }
    }

    /// Takes up what is remembered. A machine in no swarm runs no tasks: what a leave did not finish is removed.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let Some(mut membership) = self.dir.record().context("cannot read the swarm's state")? else {
            self.remove_tasks().await;
            return Ok(());
        };
        self.readdress(&mut membership)?;
        let taken = self.take_up(membership.clone(), None).await;
        if let Err(error) = taken {
            self.hold(membership, error, None).await?;
        }
        self.publish();
        Ok(())
    }

    /// Starts the part in the swarm that is remembered.
    pub(super) async fn take_up(&mut self, membership: Membership, unlock: Option<&UnlockKey>) -> Result<()> {
        let keys = match membership.manager {
            true => manager::open_keys(&self.dir.manager(), unlock)?,
            false => None,
        };
        let identity = self.dir.identity(keys.as_ref()).context("cannot read the swarm's state")?;
        let identity = SharedIdentity::new(identity);
        let listener = match membership.manager {
            true => Some(bind(membership.listen).context("cannot take up the swarm")?),
            false => None,
        };
        let executor = Arc::new(self.executor.clone());
        let member =
            Member::start(&self.dir, membership, identity, listener, executor, unlock.cloned()).await;
        let member = member.context("cannot take up the swarm")?;
        if unlock.is_some() {
            // It may lie open since a crash between the lock and this.
            self.dir.save_identity(&member.identity()).context("cannot seal the node's key")?;
        }
        if tokio::time::timeout(RESUME_TIMEOUT, member.led()).await.is_err() {
            tracing::warn!("no manager leads yet");
        }
        self.member = Some(member);
        Ok(())
    }

    /// The machine's address may be another than before: the node is known by its key, and its session tells the new one.
    fn readdress(&self, membership: &mut Membership) -> Result<()> {
        let configured = &self.settings.default_advertise_addr;
        let Some(text) = &membership.advertise_text else { return Ok(()) };
        let found = address::advertise(text, configured, membership.listen);
        match found {
            Ok(advertise) if advertise != membership.advertise => {
                tracing::info!(old = %membership.advertise, new = %advertise, "the address is another one now");
                membership.advertise = advertise;
                self.dir.save(membership).context("cannot keep the new address")?;
            }
            Ok(_) => {}
            // One that was never found is not missed.
            Err(error) if text.is_empty() => tracing::debug!(%error, "keeps its address"),
            Err(error) => tracing::warn!(%error, addr = %membership.advertise, "keeps its address"),
        }
        Ok(())
    }

    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            match self.next_event(&mut requests).await {
                Event::Request(Request::Stop(reply)) => {
                    self.stop(true).await;
                    let _ = reply.send(Ok(()));
                    return;
                }
                Event::Request(request) => self.handle(request).await,
                Event::Change(Change::Status) => {
                    self.publish();
                    self.member.iter().for_each(Member::remind);
                    if self.retry_turn.is_none() {
                        self.turn().await;
                    }
                }
                Event::Turn => self.turn().await,
                Event::Change(Change::Lock) => self.reseal(),
                Event::Change(Change::Broken(reason)) => {
                    self.published.send_modify(|published| published.broken = Some(reason));
                    // The daemon ends now; until then there is nothing to drive.
                    self.member = None;
                }
                Event::Closed => return,
            }
        }
    }

    async fn next_event(&mut self, requests: &mut mpsc::Receiver<Request>) -> Event {
        let turn = self.retry_turn;
        let turn = async {
            match turn {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let change = async {
            match &mut self.member {
                Some(member) => member.change().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = requests.recv() => request.map_or(Event::Closed, Event::Request),
            change = change => Event::Change(change),
            () = turn => Event::Turn,
        }
    }

    async fn handle(&mut self, request: Request) {
        match request {
            Request::Init(request, reply) => {
                let made = self.init(*request).await;
                self.answer(reply, made);
            }
            Request::Join(request, reply) => {
                let joined = self.join(*request).await;
                self.answer(reply, joined);
            }
            Request::Leave { force, reply } => {
                let left = self.leave(force).await;
                self.answer(reply, left);
            }
            Request::Unlock(key, reply) => {
                let unlocked = self.unlock(&key).await;
                self.answer(reply, unlocked);
            }
            Request::Backup(request, reply) => self.backup(*request, reply),
            Request::Restore(request, reply) => {
                let restored = self.restore(*request).await;
                self.answer(reply, restored);
            }
            Request::Stop(reply) => self.answer(reply, Ok(())),
        }
    }

    /// Publishes first: who has the answer must find the new state.
    fn answer<T>(&self, reply: Reply<T>, answer: Result<T, NodeError>) {
        self.publish();
        // A client that went away gets no answer; what it asked for is done all the same.
        drop(reply.send(answer));
    }

    async fn init(&mut self, request: InitRequest) -> Result<String, NodeError> {
        if request.force_new_cluster && (self.member.is_some() || self.held.is_some()) {
            return self.force_new_cluster(&request).await;
        }
        self.check_free()?;
        validate::cluster(&request.spec).map_err(|error| NodeError::Invalid(error.to_string()))?;
        let listen = address::listen(&request.listen_addr)?;
        let listener = bind(listen)?;
        let listen = listener.local_addr().map_err(internal)?;
        let advertise =
            address::advertise(&request.advertise_addr, &self.settings.default_advertise_addr, listen)?;
        address::data_path(&request.data_path_addr)?;
        let membership =
            Membership::new(listen, advertise).written(&request.advertise_addr, &request.data_path_addr);
        let made = self.make(&membership, request, listener).await;
        if made.is_err() {
            self.undo();
        }
        made
    }

    async fn make(
        &mut self,
        membership: &Membership,
        request: InitRequest,
        listener: TcpListener,
    ) -> Result<String, NodeError> {
        self.dir.forget().and_then(|()| self.dir.make()).map_err(internal)?;
        let locked = request.spec.auto_lock_managers;
        let identity = Member::bootstrap(&self.dir, membership, request).await.map_err(internal)?;
        self.begin(membership, identity, listener, locked).await
    }

    /// Starts the first manager of a swarm whose state has been made; its node's id.
    pub(super) async fn begin(
        &mut self,
        membership: &Membership,
        identity: Identity,
        listener: TcpListener,
        locked: bool,
    ) -> Result<String, NodeError> {
        let node_id = identity.node_id.to_string();
        self.dir.save_identity(&identity).map_err(internal)?;
        let identity = SharedIdentity::new(identity);
        let executor = Arc::new(self.executor.clone());
        let member = Member::start(&self.dir, membership.clone(), identity, Some(listener), executor, None)
            .await
            .map_err(internal)?;
        let led = tokio::time::timeout(LEAD_TIMEOUT, member.led()).await;
        led.map_err(|_| {
            NodeError::Unavailable("the new manager does not lead its swarm in time".to_owned())
        })?;
        if !member.settle_lock(locked).await {
            return Err(NodeError::Unavailable("the new manager does not lock its keys in time".to_owned()));
        }
        self.dir.save_identity(&member.identity()).map_err(internal)?;
        self.dir.save(membership).map_err(internal)?;
        self.member = Some(member);
        Ok(node_id)
    }

    async fn join(&mut self, request: JoinRequest) -> Result<(), NodeError> {
        self.check_free()?;
        if request.remote_addrs.is_empty() {
            return Err(NodeError::Invalid("at least one address of a manager is needed to join".to_owned()));
        }
        let listen = address::listen(&request.listen_addr)?;
        address::data_path(&request.data_path_addr)?;
        let managers: Vec<String> = request.remote_addrs.iter().map(|addr| address::remote(addr)).collect();
        // A worker is called by nobody: an address that cannot be found out is no obstacle, nor is one in use.
        let advertise =
            address::advertise(&request.advertise_addr, &self.settings.default_advertise_addr, listen);
        if !request.advertise_addr.is_empty()
            && let Err(error) = advertise
        {
            return Err(error);
        }
        let place = Place {
            listen,
            advertise,
            listener: bind(listen),
            advertise_text: request.advertise_addr,
            data_path_addr: request.data_path_addr,
        };
        self.dir.make().map_err(internal)?;
        let key = self.dir.key().map_err(internal)?;
        let mut refusal = None;
        for addr in &managers {
            match join::join(Arc::new(Tcp), addr, &request.token, &key, request.availability).await {
                Ok(identity) => return self.joined(place, managers, identity).await,
                Err(error) => {
                    tracing::warn!(%addr, %error, "cannot join by this manager");
                    refusal.get_or_insert(error);
                }
            }
        }
        Err(match refusal {
            Some(error @ join::JoinError::Unreachable { .. }) => NodeError::Unavailable(error.to_string()),
            Some(
                error @ (join::JoinError::InvalidToken(_)
                | join::JoinError::UnknownToken(_)
                | join::JoinError::Digest { .. }),
            ) => NodeError::Invalid(error.to_string()),
            Some(error) => NodeError::Refused(error.to_string()),
            None => NodeError::Internal("no manager was asked".to_owned()),
        })
    }

    async fn joined(
        &mut self,
        place: Place,
        managers: Vec<String>,
        identity: Identity,
    ) -> Result<(), NodeError> {
        let is_manager = identity.role == Role::Manager;
        let Place { listen, advertise, listener, advertise_text, data_path_addr } = place;
        let (advertise, listener) = match is_manager {
            true => (advertise?, Some(listener?)),
            false => (advertise.unwrap_or(listen), None),
        };
        let membership = Membership::joined(listen, advertise, managers, is_manager)
            .written(&advertise_text, &data_path_addr);
        if is_manager {
            member::prepare(&self.dir, &membership, &identity).map_err(internal)?;
        }
        let saved = self.dir.save_identity(&identity).and_then(|()| self.dir.save(&membership));
        saved.map_err(internal)?;
        let identity = SharedIdentity::new(identity);
        let executor = Arc::new(self.executor.clone());
        let member = Member::start(&self.dir, membership, identity, listener, executor, None)
            .await
            .map_err(internal)?;
        let member = self.member.insert(member);
        if is_manager {
            // Under the new manager's keys.
            self.dir.save_identity(&member.identity()).map_err(internal)?;
        }
        if tokio::time::timeout(JOIN_TIMEOUT, member.led()).await.is_err() {
            return Err(NodeError::Unavailable(JOIN_LATE.to_owned()));
        }
        Ok(())
    }

    async fn leave(&mut self, force: bool) -> Result<(), NodeError> {
        self.check_leave(force)?;
        if let Some(member) = &self.member {
            if member.is_manager() && !force {
                return Err(NodeError::LastManager(quorum::warning(member).await));
            }
            match tokio::time::timeout(STEP_DOWN_TIMEOUT, member.step_down()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "leaves without the other managers' consent"),
                Err(_) => tracing::warn!("leaves without waiting for the other managers any longer"),
            }
        }
        self.stop(false).await;
        self.dir.forget().map_err(internal)?;
        self.remove_tasks().await;
        // No task is left that a port could lead to.
        if let Err(error) = self.executor.set_ingress(Vec::new()).await {
            tracing::warn!(%error, "ports of services stay published");
        }
        Ok(())
    }

    /// Removes the containers of all tasks.
    async fn remove_tasks(&self) {
        let tasks = self.executor.list().await.unwrap_or_default();
        for task in tasks {
            if let Err(error) = self.executor.remove(&task).await {
                tracing::warn!(%task, %error, "container of a task stays");
            }
        }
    }

    pub(super) async fn stop(&mut self, announce: bool) {
        if let Some(held) = self.held.take() {
            held.stop().await;
        }
        if let Some(member) = self.member.take() {
            member.stop(announce).await;
        }
    }

    pub(super) fn undo(&self) {
        if let Err(error) = self.dir.forget() {
            tracing::warn!(%error, "state of the failed swarm stays");
        }
    }

    pub(super) fn publish(&self) {
        let (status, control) = match (&self.member, &self.held) {
            (Some(member), _) => (status(member), member.control()),
            (None, Some(held)) => (held.status(), None),
            (None, None) => (NodeStatus::default(), None),
        };
        self.published.send_modify(|published| {
            published.status = status;
            published.control = control;
        });
    }
}

fn status(member: &Member) -> NodeStatus {
    let agent = member.agent_status();
    let active = member.is_manager() || agent.node.is_some();
    let own = Peer {
        node_id: member.identity().node_id.to_string(),
        addr: member.membership().advertise.to_string(),
    };
    // A manager whose own agent is still on its way to it lacks nothing.
    let is_well = agent.connected || (member.is_manager() && agent.node.is_none());
    let told = agent.told.into_iter().map(|told| Peer { node_id: told.node_id, addr: told.addr });
    let mut managers: Vec<Peer> = told.collect();
    if managers.is_empty() && member.is_manager() {
        managers.push(own);
    }
    NodeStatus {
        state: if active { LocalState::Active } else { LocalState::Pending },
        node_id: member.identity().node_id.to_string(),
        node_addr: member.membership().advertise.ip().to_string(),
        control_available: member.is_manager(),
        error: if is_well { String::new() } else { agent.last_error.unwrap_or_default() },
        managers,
    }
}

pub(super) fn bind(listen: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(listen)
        .map_err(|error| NodeError::Invalid(format!("cannot listen on {listen} for the swarm: {error}")))
}

pub(super) fn internal(error: impl std::fmt::Display) -> NodeError {
    NodeError::Internal(error.to_string())
}
