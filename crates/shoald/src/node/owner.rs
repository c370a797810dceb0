//! The task that owns this machine's part in a swarm.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rest::{InitRequest, JoinRequest, LocalState, NodeError, NodeStatus, Peer};
use swarm_api::channel::Tcp;
use swarm_api::join;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::tls::SharedIdentity;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::transport::Channel;
use worker::Executor;

use super::Settings;
use super::address;
use super::member::{Change, Member};
use super::membership::{Dir, Membership};
use crate::executor::EngineExecutor;

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, NodeError>>;

/// How long a manager may take to lead its swarm of one.
const LEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked of the owner.
pub(super) enum Request {
    Init(Box<InitRequest>, Reply<String>),
    Join(Box<JoinRequest>, Reply<()>),
    Leave { force: bool, reply: Reply<()> },
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
    settings: Settings,
    dir: Dir,
    executor: EngineExecutor,
    member: Option<Member>,
    published: watch::Sender<Published>,
}

enum Event {
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
        Self { settings, dir, executor, member: None, published }
    }

    /// Takes up what is remembered. A machine in no swarm runs no tasks: what a leave did not finish is removed.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let Some((mut membership, identity)) = self.dir.load().context("cannot read the swarm's state")?
        else {
            self.remove_tasks().await;
            return Ok(());
        };
        self.readdress(&mut membership)?;
        let identity = SharedIdentity::new(identity);
        let listener = match membership.manager {
            true => Some(bind(membership.listen).context("cannot take up the swarm")?),
            false => None,
        };
        let member =
            Member::start(&self.dir, membership, identity, listener, Arc::new(self.executor.clone())).await;
        let member = member.context("cannot take up the swarm")?;
        if tokio::time::timeout(LEAD_TIMEOUT, member.led()).await.is_err() {
            tracing::warn!("this manager does not lead yet");
        }
        self.member = Some(member);
        self.publish();
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
                Event::Change(Change::Status) => self.publish(),
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
        let change = async {
            match &mut self.member {
                Some(member) => member.change().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = requests.recv() => request.map_or(Event::Closed, Event::Request),
            change = change => Event::Change(change),
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
        if self.member.is_some() {
            return Err(NodeError::AlreadyInSwarm);
        }
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
        let identity = Member::bootstrap(&self.dir, membership, request).await.map_err(internal)?;
        let node_id = identity.node_id.to_string();
        self.dir.save_identity(&identity).map_err(internal)?;
        let identity = SharedIdentity::new(identity);
        let executor = Arc::new(self.executor.clone());
        let member = Member::start(&self.dir, membership.clone(), identity, Some(listener), executor)
            .await
            .map_err(internal)?;
        let led = tokio::time::timeout(LEAD_TIMEOUT, member.led()).await;
        led.map_err(|_| {
            NodeError::Unavailable("the new manager does not lead its swarm in time".to_owned())
        })?;
        self.dir.save(membership).map_err(internal)?;
        self.member = Some(member);
        Ok(node_id)
    }

    async fn join(&mut self, request: JoinRequest) -> Result<(), NodeError> {
        if self.member.is_some() {
            return Err(NodeError::AlreadyInSwarm);
        }
        if request.remote_addrs.is_empty() {
            return Err(NodeError::Invalid("at least one address of a manager is needed to join".to_owned()));
        }
        let listen = address::listen(&request.listen_addr)?;
        address::data_path(&request.data_path_addr)?;
        let managers: Vec<String> = request.remote_addrs.iter().map(|addr| address::remote(addr)).collect();
        // A worker is called by nobody: an address that cannot be found out is no obstacle.
        let advertise = match address::advertise(
            &request.advertise_addr,
            &self.settings.default_advertise_addr,
            listen,
        ) {
            Err(error) if !request.advertise_addr.is_empty() => return Err(error),
            found => found.unwrap_or(listen),
        };
        self.dir.make().map_err(internal)?;
        let key = self.dir.key().map_err(internal)?;
        let mut refusal = None;
        for addr in &managers {
            match join::join(Arc::new(Tcp), addr, &request.token, &key, request.availability).await {
                Ok(identity) => {
                    let membership = Membership::worker(listen, advertise, managers)
                        .written(&request.advertise_addr, &request.data_path_addr);
                    return self.joined(membership, identity).await;
                }
                Err(error) => {
                    tracing::warn!(%addr, %error, "cannot join by this manager");
                    refusal.get_or_insert(error);
                }
            }
        }
        Err(match refusal {
            Some(error @ join::JoinError::Unreachable { .. }) => NodeError::Unavailable(error.to_string()),
            Some(error @ (join::JoinError::InvalidToken | join::JoinError::Digest { .. })) => {
                NodeError::Invalid(error.to_string())
            }
            Some(error) => NodeError::Refused(error.to_string()),
            None => NodeError::Internal("no manager was asked".to_owned()),
        })
    }

    async fn joined(
        &mut self,
        membership: Membership,
        identity: swarm_api::tls::Identity,
    ) -> Result<(), NodeError> {
        let saved = self.dir.save_identity(&identity).and_then(|()| self.dir.save(&membership));
        saved.map_err(internal)?;
        let identity = SharedIdentity::new(identity);
        let executor = Arc::new(self.executor.clone());
        let member =
            Member::start(&self.dir, membership, identity, None, executor).await.map_err(internal)?;
        self.member = Some(member);
        Ok(())
    }

    async fn leave(&mut self, force: bool) -> Result<(), NodeError> {
        let Some(member) = &self.member else { return Err(NodeError::NotPart) };
        if member.is_manager() && !force {
            return Err(NodeError::LastManager(
                "Removing the last manager erases all current state of the swarm. ".to_owned(),
            ));
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

    async fn stop(&mut self, announce: bool) {
        if let Some(member) = self.member.take() {
            member.stop(announce).await;
        }
    }

    fn undo(&self) {
        if let Err(error) = self.dir.forget() {
            tracing::warn!(%error, "state of the failed swarm stays");
        }
    }

    fn publish(&self) {
        let (status, control) = match &self.member {
            None => (NodeStatus::default(), None),
            Some(member) => (status(member), member.control()),
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
    NodeStatus {
        state: if active { LocalState::Active } else { LocalState::Pending },
        node_id: member.identity().node_id.to_string(),
        node_addr: member.membership().advertise.ip().to_string(),
        control_available: member.is_manager(),
        error: if agent.connected { String::new() } else { agent.last_error.unwrap_or_default() },
        managers: agent.managers.into_iter().map(|addr| Peer { node_id: String::new(), addr }).collect(),
    }
}

fn bind(listen: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(listen)
        .map_err(|error| NodeError::Invalid(format!("cannot listen on {listen} for the swarm: {error}")))
}

fn internal(error: impl std::fmt::Display) -> NodeError {
    NodeError::Internal(error.to_string())
}
