//! The task that owns this machine's part in a swarm.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use manager::seal::UnlockKey;
use rest::{Backup, BackupRequest, InitRequest, JoinRequest, NodeError, RestoreRequest};
use swarm_api::tls::SharedIdentity;
use tokio::sync::{mpsc, oneshot, watch};
use worker::Farewell;

use super::held::Held;
use super::member::{Change, Member};
use super::membership::{Dir, Membership};
use super::status::Published;
use super::turn::Missed;
use super::{Settings, address};
use crate::executor::EngineExecutor;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, NodeError>>;

/// How long a daemon that starts waits for a leader: an election takes about a second.
const RESUME_TIMEOUT: Duration = Duration::from_secs(3);

/// What was to be done with what is remembered.
const UNREAD: &str = "cannot read the swarm's state";

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

pub(super) struct Owner {
    pub(super) settings: Settings,
    pub(super) dir: Dir,
    pub(super) executor: EngineExecutor,
    pub(super) member: Option<Member>,
    /// What is remembered and cannot be taken up, instead of a member.
    pub(super) held: Option<Held>,
    pub(super) published: watch::Sender<Published>,
    /// The last turn of role, if it did not succeed.
    pub(super) missed: Option<Missed>,
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
        Self { settings, dir, executor, member: None, held: None, published, missed: None }
    }

    /// Takes up what is remembered. A machine in no swarm runs no tasks: what a leave did not finish is removed.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let mut membership = match self.dir.record() {
            Ok(Some(membership)) => membership,
            Ok(None) => {
                if let Err(error) = self.dir.clear() {
                    tracing::warn!(%error, "what an earlier swarm has left stays for now");
                }
                self.remove_tasks().await;
                return Ok(());
            }
            Err(error) => {
                self.hold(None, Error::from(error).context(UNREAD), None).await?;
                self.publish();
                return Ok(());
            }
        };
        self.readdress(&mut membership)?;
        let taken = self.take_up(membership.clone(), None).await;
        if let Err(error) = taken {
            self.hold(Some(membership), error, None).await?;
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
        let identity = self.dir.identity(keys.as_ref()).context(UNREAD)?;
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
                    self.stop(Farewell::Absent).await;
                    let _ = reply.send(Ok(()));
                    return;
                }
                Event::Request(request) => self.handle(request).await,
                Event::Change(Change::Status) => {
                    self.publish();
                    self.member.iter().for_each(Member::remind);
                    // What was missed is tried again in its time, unless it is wanted no more.
                    let is_wanted = self.member.as_ref().is_some_and(|member| member.turn().is_some());
                    if self.missed.is_none() || !is_wanted {
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
        let turn = self.missed.as_ref().map(|missed| missed.again_at);
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
}

pub(super) fn bind(listen: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(listen)
        .map_err(|error| NodeError::Invalid(format!("cannot listen on {listen} for the swarm: {error}")))
}

pub(super) fn internal(error: impl std::fmt::Display) -> NodeError {
    NodeError::Internal(error.to_string())
}
