//! This machine's place in a swarm: in none, a worker, or a manager that is a worker too.
//!
//! In: requests of the API ([`rest::Node`]), what is remembered on disk, the executor. Out: a manager and an
//! agent, running or not. One task owns them ([`owner`]); the handle here sends it requests and reads what it
//! publishes. What the swarm wants of this machine is decided elsewhere: this room only takes part.

mod address;
mod connect;
mod entry;
mod event;
mod held;
mod leave;
mod member;
mod membership;
mod owner;
mod quorum;
mod rescue;
mod status;
mod turn;

use std::path::PathBuf;

use anyhow::Result;
use async_trait::async_trait;
use engine::event::Events;
use rest::{
    Backup, BackupRequest, InitRequest, JoinRequest, LocalState, Node, NodeError, NodeStatus, RestoreRequest,
};
use swarm_api::pb::control_client::ControlClient;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::transport::Channel;

use crate::config::Config;
use crate::executor::EngineExecutor;
use owner::{Owner, Request};
use status::Published;

/// Requests that may wait for the owner; one is served at a time.
const QUEUE: usize = 8;

/// What the node is told once, by the daemon's configuration.
pub(crate) struct Settings {
    data_root: PathBuf,
    default_advertise_addr: String,
}

/// The handle.
pub(crate) struct SwarmNode {
    requests: mpsc::Sender<Request>,
    published: watch::Receiver<Published>,
}

impl SwarmNode {
    /// Takes this machine's place up again where it was left, if it had one. While it manages, what changes in the swarm goes to
    /// `events`.
    ///
    /// # Errors
    /// When what is remembered cannot be read, or the manager cannot be started from it.
    pub(crate) async fn start(config: &Config, executor: EngineExecutor, events: Events) -> Result<Self> {
        let settings = Settings {
            data_root: config.data_root.clone(),
            default_advertise_addr: config.swarm_default_advertise_addr.clone(),
        };
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (sender, published) = watch::channel(Published::default());
        let mut owner = Owner::new(settings, executor, sender);
        owner.resume().await?;
        tokio::spawn(owner.run(receiver));
        tokio::spawn(event::run(published.clone(), events));
        Ok(Self { requests, published })
    }

    /// Says goodbye to the swarm, which leaves this node's tasks alone for a while, and ends what runs here.
    pub(crate) async fn stop(&self) {
        // An owner that is gone has nothing left to end.
        let _ = self.call(Request::Stop).await;
    }

    /// Waits until the node's part in the swarm has failed for good, and says why.
    pub(crate) async fn broken(&self) -> String {
        let mut published = self.published.clone();
        match published.wait_for(|published| published.broken.is_some()).await {
            Ok(published) => published.broken.clone().unwrap_or_default(),
            Err(_) => "the task that owns the node's part in the swarm has ended".to_owned(),
        }
    }

    async fn call<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, NodeError>>) -> Request,
    ) -> Result<T, NodeError> {
        let gone = || NodeError::Unavailable("the daemon is shutting down".to_owned());
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Node for SwarmNode {
    async fn init(&self, request: InitRequest) -> Result<String, NodeError> {
        self.call(|reply| Request::Init(Box::new(request), reply)).await
    }

    async fn join(&self, request: JoinRequest) -> Result<(), NodeError> {
        self.call(|reply| Request::Join(Box::new(request), reply)).await
    }

    async fn leave(&self, force: bool) -> Result<(), NodeError> {
        self.call(|reply| Request::Leave { force, reply }).await
    }

    async fn unlock(&self, key: String) -> Result<(), NodeError> {
        self.call(|reply| Request::Unlock(key, reply)).await
    }

    async fn backup(&self, request: BackupRequest) -> Result<Backup, NodeError> {
        self.call(|reply| Request::Backup(Box::new(request), reply)).await
    }

    async fn restore(&self, request: RestoreRequest) -> Result<String, NodeError> {
        self.call(|reply| Request::Restore(Box::new(request), reply)).await
    }

    fn status(&self) -> NodeStatus {
        self.published.borrow().status.clone()
    }

    async fn control(&self) -> Result<ControlClient<Channel>, NodeError> {
        let published = self.published.borrow();
        match (&published.control, published.status.state) {
            (Some(control), _) => Ok(control.clone()),
            (None, LocalState::Inactive) => Err(NodeError::NotInSwarm),
            (None, LocalState::Locked) => Err(NodeError::Locked),
            (None, LocalState::Error) => Err(NodeError::Unavailable(published.status.error.clone())),
            (None, _) => Err(NodeError::NotManager),
        }
    }
}
