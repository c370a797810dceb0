//! A running manager: started from its directory, stopped in order.
//!
//! Two threads besides raft's: consensus has its own, and everything that serves nodes and plans shares the one made here,
//! so that nothing the rest of the daemon does keeps a heartbeat waiting.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use swarm_api::channel::{self, Door, IncomingSender, Stream};
use swarm_api::pb::ca_server::CaServer as CaRoutes;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::control_server::ControlServer;
use swarm_api::pb::dispatcher_server::DispatcherServer;
use swarm_api::tls::{Peer, SharedIdentity};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::service::Routes;
use tonic::transport::Channel;

use crate::bootstrap::RAFT_DIRECTORY;
use crate::ca::CaServer;
use crate::clock::Clock;
use crate::control::Control;
use crate::dispatcher::{Dispatcher, DispatcherConfig};
use crate::door;
use crate::error::ManagerError;
use crate::leader::{self, Handles};
use crate::lock::Locker;
use crate::raft::{Consensus, Leadership, Reader};
use crate::seal::{Keyring, UnlockKey};
use crate::store::Store;
use crate::{backup, recover};

/// How long calls under way may take when the manager stops.
const DRAIN: Duration = Duration::from_secs(2);

/// Pause before a leader that could not read tries again.
const LEAD_RETRY: Duration = Duration::from_millis(100);

/// What a manager is started with.
#[derive(Clone, Debug)]
pub struct ManagerConfig {
    /// The directory that [`crate::bootstrap()`] filled.
    pub state_dir: PathBuf,
    /// This node's certificate and key; replaced in place when it is renewed.
    pub identity: SharedIdentity,
    /// The time.
    pub clock: Clock,
    /// The times of the dispatcher.
    pub dispatcher: DispatcherConfig,
    /// What the manager's keys are sealed under, if they are.
    pub unlock_key: Option<UnlockKey>,
}

/// A running manager. Shut it down before dropping it.
pub struct Manager {
    consensus: Consensus,
    identity: SharedIdentity,
    door: Door,
    clock: Clock,
    lock: watch::Receiver<Option<UnlockKey>>,
    incoming: IncomingSender,
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
    let consensus = Consensus::open(&directory, config.clock.clone(), config.unlock_key.as_ref()).await?;
    let (incoming, connections) = channel::incoming();
    let stop = CancellationToken::new();
    let (ended_sender, ended) = watch::channel(None);
    let door = Door::new(config.identity.clone(), door::authorize(consensus.store.clone()));
    let (locked, lock) = watch::channel(consensus.keyring.lock());
    let parts = Parts::new(&consensus, &config, door.clone(), locked);
    let failed = consensus.failed();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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

    /// Whether this manager leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.consensus.leadership().borrow().term.is_some()
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

    /// Stops serving, then the loops, then consensus. What was acknowledged is on disk and the files are closed when this
    /// returns.
    pub async fn shutdown(mut self) {
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

/// What runs on the manager's thread.
struct Parts {
    reader: Reader,
    leadership: watch::Receiver<Leadership>,
    handles: Handles,
    dispatcher: Dispatcher,
    identity: SharedIdentity,
    door: Door,
    locker: Locker,
    lock: watch::Receiver<Option<UnlockKey>>,
    raft_id: u64,
}

impl Parts {
    fn new(
        consensus: &Consensus,
        config: &ManagerConfig,
        door: Door,
        locked: watch::Sender<Option<UnlockKey>>,
    ) -> Self {
        let handles = Handles {
            store: consensus.store.clone(),
            proposer: consensus.proposer.clone(),
            clock: config.clock.clone(),
        };
        let dispatcher = Dispatcher::new(handles.clone(), config.dispatcher.clone());
        let (reader, leadership) = (consensus.reader(), consensus.leadership());
        let identity = config.identity.clone();
        let lock = locked.subscribe();
        let (store, keyring) = (consensus.store.clone(), consensus.keyring.clone());
        let locker = Locker { store, keyring, compactor: consensus.compactor(), locked };
        let raft_id = consensus.raft_id;
        Self { reader, leadership, handles, dispatcher, identity, door, locker, lock, raft_id }
    }

    /// Serves and leads until `stop`, or until a part fails; then all parts end.
    async fn live(
        self,
        connections: channel::Incoming,
        failed: impl Future<Output = crate::raft::ConsensusError>,
        stop: CancellationToken,
    ) -> Result<(), ManagerError> {
        let _stop_all = stop.clone().drop_guard();
        let serving = channel::serve(self.routes(), connections, self.door.clone(), stop.clone());
        let watching = door::watch(self.handles.store.clone(), self.identity.clone(), self.door.clone());
        let _watching = AbortOnDropHandle::new(tokio::spawn(watching));
        let mut serving = tokio::spawn(serving);
        tokio::spawn(self.locker.run(stop.clone()));
        let mut leading =
            tokio::spawn(lead(self.leadership, self.reader, self.handles, self.dispatcher, stop.clone()));
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            error = failed => Err(error.into()),
            ended = &mut serving => ended.map_err(|_| ManagerError::Ended("server"))
                .and_then(|served| Ok(served?)).and(Err(ManagerError::Ended("server"))),
            ended = &mut leading => ended.map_err(|_| ManagerError::Ended("leader"))
                .and_then(|led| led).and(Err(ManagerError::Ended("leader"))),
        };
        stop.cancel();
        // The loops first: the sessions that they hold open end with them, and then the server has nothing to wait for.
        let drained = tokio::time::timeout(DRAIN, async {
            if !leading.is_finished() {
                let _ = leading.await;
            }
            if !serving.is_finished() {
                let _ = serving.await;
            }
        });
        if drained.await.is_err() {
            tracing::debug!("calls were cut off");
        }
        outcome
    }

    fn routes(&self) -> Routes {
        let Handles { store, proposer, clock } = self.handles.clone();
        let ca = CaServer {
            reader: self.reader.clone(),
            store: store.clone(),
            proposer: proposer.clone(),
            clock,
            refusals: Mutex::default(),
        };
        let control = Control {
            reader: self.reader.clone(),
            store,
            proposer,
            raft_id: self.raft_id,
            lock: self.lock.clone(),
        };
        Routes::new(CaRoutes::new(ca))
            .add_service(ControlServer::new(control))
            .add_service(DispatcherServer::new(self.dispatcher.clone()))
    }
}

/// Runs the leader's loops whenever this member leads and its view has all that was committed before.
async fn lead(
    mut leadership: watch::Receiver<Leadership>,
    reader: Reader,
    handles: Handles,
    dispatcher: Dispatcher,
    stop: CancellationToken,
) -> Result<(), ManagerError> {
    loop {
        let led = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            led = leadership.wait_for(|leadership| leadership.term.is_some()) => led.map(|led| *led),
        };
        let Ok(term) = led else { return Err(ManagerError::Ended("raft thread")) };
        if reader.view().await.is_err() {
            // Lost again before it began, or no majority answers.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LEAD_RETRY) => continue,
            }
        }
        tracing::info!(term = term.term, "this manager leads");
        let until = stop.child_token();
        let loops = leader::run(handles.clone(), dispatcher.clone(), until.clone());
        tokio::pin!(loops);
        let lost = async { leadership.wait_for(|now| *now != term).await.map(|_| ()) };
        tokio::select! {
            ended = &mut loops => {
                ended?;
                continue;
            }
            _ = lost => until.cancel(),
        }
        loops.await?;
        tracing::info!("this manager leads no more");
    }
}
