//! A running manager: started from its directory, stopped in order.
//!
//! Consensus has threads of its own, and everything that serves nodes and plans shares those made here, so that nothing the
//! rest of the daemon does keeps a heartbeat waiting.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{io, thread};

use swarm_api::channel::{self, Dial, Door, IncomingSender, Stream};
use swarm_api::id::NodeId;
use swarm_api::pb;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::tls::{Peer, SharedIdentity};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::announce::Announcement;
use crate::backup;
use crate::bootstrap::RAFT_DIRECTORY;
use crate::clock::Clock;
use crate::dispatcher::DispatcherConfig;
use crate::door;
use crate::error::ManagerError;
use crate::live::Parts;
use crate::raft::{Consensus, Outside};
use crate::recover;
use crate::seal::{Keyring, UnlockKey};
use crate::store::Store;

/// Threads that serve nodes and plan: while one plans, the other answers.
const WORKERS: usize = 2;

/// What a manager is started with.
#[derive(Clone)]
pub struct ManagerConfig {
    /// The directory that [`crate::bootstrap()`] or [`crate::prepare()`] filled.
    pub state_dir: PathBuf,
    /// This node's certificate and key; replaced in place when it is renewed.
    pub identity: SharedIdentity,
    /// The time.
    pub clock: Clock,
    /// The times of the dispatcher.
    pub dispatcher: DispatcherConfig,
    /// What the manager's keys are sealed under, if they are.
    pub unlock_key: Option<UnlockKey>,
    /// How streams to other managers come about.
    pub dialer: Arc<dyn Dial>,
    /// `host:port` where the others reach this manager; empty: as they know already.
    pub advertise_addr: String,
    /// Managers to ask for the leader, besides those that are known here.
    pub managers: Vec<String>,
}

/// A running manager. Shut it down before dropping it.
pub struct Manager {
    consensus: Consensus,
    identity: SharedIdentity,
    door: Door,
    clock: Clock,
    lock: watch::Receiver<Option<UnlockKey>>,
    incoming: IncomingSender,
    announce: Arc<Notify>,
    runtime: tokio::runtime::Handle,
    thread: Option<JoinHandle<()>>,
    ended: watch::Receiver<Option<Arc<ManagerError>>>,
    stop: CancellationToken,
}

/// Starts the manager of this directory, whatever moment it was stopped at before.
///
/// # Errors
/// When the directory has no cluster, or cannot be read or written.
pub async fn start(config: ManagerConfig) -> Result<Manager, ManagerError> {
    let directory = config.state_dir.join(RAFT_DIRECTORY);
    recover::settle(&config.state_dir)?;
    let outside = Outside {
        identity: config.identity.clone(),
        dialer: config.dialer.clone(),
        advertise_addr: config.advertise_addr.clone(),
    };
    let unlock = config.unlock_key.as_ref();
    let consensus = Consensus::open(&directory, config.clock.clone(), outside, unlock).await?;
    let (incoming, connections) = channel::incoming();
    let stop = CancellationToken::new();
    let (ended_sender, ended) = watch::channel(None);
    let door = Door::new(config.identity.clone(), door::authorize(consensus.store.clone()));
    let (locked, lock) = watch::channel(consensus.keyring.lock());
    let announce = Arc::new(Notify::new());
    let announcement = Announcement::new(&consensus, &config, incoming.clone(), announce.clone());
    let parts = Parts::new(&consensus, &config, door.clone(), locked, announcement);
    let failed = consensus.failed();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("manager")
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    let (inner, stopped) = (stop.child_token(), stop.clone());
    let thread = thread::Builder::new().name("manager".to_owned()).spawn(move || {
        let outcome = runtime.block_on(parts.live(connections, failed, inner));
        if let (Err(error), false) = (outcome, stopped.is_cancelled()) {
            tracing::error!(%error, "the manager has ended");
            ended_sender.send_replace(Some(Arc::new(error)));
        }
        // Calls that are still under way end here.
        runtime.shutdown_background();
    })?;
    Ok(Manager {
        consensus,
        identity: config.identity,
        door,
        clock: config.clock,
        lock,
        incoming,
        announce,
        runtime: handle,
        thread: Some(thread),
        ended,
        stop,
    })
}

impl Manager {
    /// Serves nodes on this listener, which is bound already, until the manager ends.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn listen(&self, listener: TcpListener) -> Result<(), ManagerError> {
        listener.set_nonblocking(true)?;
        let _on = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        self.accept(channel::listen(listener));
        Ok(())
    }

    /// Serves nodes on connections from anywhere, until the manager ends.
    pub fn accept<L, S>(&self, listener: L)
    where
        L: futures_util::Stream<Item = io::Result<(S, SocketAddr)>> + Send + Unpin + 'static,
        S: Stream + 'static,
    {
        let accepting =
            channel::accept(listener, self.door.clone(), self.incoming.clone(), self.stop.child_token());
        self.runtime.spawn(async move {
            if let Err(error) = accepting.await {
                tracing::error!(%error, "cannot serve nodes");
            }
        });
    }

    /// A channel to this manager for this very process: front ends and the node's own agent.
    #[must_use]
    pub fn channel(&self) -> Channel {
        channel::in_process(
            self.incoming.clone(),
            Peer::Local { node_id: self.identity.get().node_id.clone() },
        )
    }

    /// A client for front ends.
    #[must_use]
    pub fn control(&self) -> ControlClient<Channel> {
        // Within the process a long list of tasks is no attack.
        ControlClient::new(self.channel()).max_decoding_message_size(usize::MAX)
    }

    /// The replicated state, to look at.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.consensus.store
    }

    /// The keys of what is on this manager's disk, under which the node seals its own.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        self.consensus.keyring.clone()
    }

    /// Follows under what those keys are sealed.
    #[must_use]
    pub fn lock(&self) -> watch::Receiver<Option<UnlockKey>> {
        self.lock.clone()
    }

    /// Writes the state as this manager has it into a file of this directory, sealed under the passphrase, and removes the oldest
    /// beyond `keep` (zero keeps all).
    ///
    /// # Errors
    /// When the passphrase is too short, or the directory cannot be written.
    pub fn backup(
        &self,
        directory: PathBuf,
        passphrase: String,
        keep: usize,
    ) -> impl Future<Output = io::Result<backup::Backup>> + Send + use<> {
        let (view, now_ns) = (self.consensus.store.view(), self.clock.now_ns());
        let writing =
            tokio::task::spawn_blocking(move || backup::write(&view, &directory, &passphrase, keep, now_ns));
        async move { writing.await.map_err(io::Error::other)? }
    }

    /// Says once more which member this is and where, when the node's record turns out not to say so: it was to be a worker and
    /// then a manager again, before this manager could end.
    pub fn announce(&self) {
        self.announce.notify_one();
    }

    /// Whether this manager leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.consensus.leadership().borrow().term.is_some()
    }

    /// Whether some manager leads, as far as is known here: requests can be answered.
    #[must_use]
    pub fn is_led(&self) -> bool {
        self.consensus.leadership().borrow().leader.is_some() && self.store().view().cluster().is_some()
    }

    /// The node that leads, as far as is known here.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let leader = self.consensus.leadership().borrow().leader?;
        let view = self.store().view();
        let is_it = |node: &&Arc<pb::Node>| {
            node.manager_status.as_ref().is_some_and(|status| status.raft_id == leader)
        };
        view.nodes().find(is_it).map(|node| NodeId::from(node.id.as_str()))
    }

    /// How many managers have a vote, as far as is known here; none while that changes.
    #[must_use]
    pub fn voters(&self) -> Option<usize> {
        let group = self.consensus.roster().group();
        group.is_settled.then_some(group.voters.len())
    }

    /// Waits until the manager ends by a failure; for ever, if it does not. It serves nothing from then on, and is to be
    /// shut down and started again.
    pub fn ended(&self) -> impl Future<Output = Arc<ManagerError>> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
            match reason {
                Some(reason) => reason,
                // It was shut down.
                None => std::future::pending().await,
            }
        }
    }

    /// Hands leadership over, if this manager has it, and stops serving, then the loops, then consensus. What was acknowledged is on disk and the files are closed when this
    /// returns.
    pub async fn shutdown(mut self) {
        self.consensus.hand_over().await;
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok());
            if !joined.await.unwrap_or(false) {
                tracing::error!("the manager's thread ended by a panic");
            }
        }
        self.consensus.shutdown().await;
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
