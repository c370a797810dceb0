//! One member, running: opened from its directory, with a thread of its own, until it is shut down or fails.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use openraft::error::{LinearizableReadError, RaftError};
use openraft::{Config, Raft, ReadPolicy, SnapshotPolicy};
use swarm_api::channel::Dial;
use swarm_api::pb;
use swarm_api::tls::SharedIdentity;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

use super::group::Roster;
use super::join::Joining;
use super::leadership::{Heard, Leadership, follow};
use super::log::{LogFile, LogStore};
use super::machine::Machine;
use super::network::Network;
use super::peer::Reach;
use super::server::RaftServer;
use super::snapshot::Snapshots;
use super::types::{Member, Types};
use super::{compact, propose};
use crate::clock::Clock;
use crate::seal::{Keyring, SealError, UnlockKey};
use crate::store::{Proposer, Publisher, State, Store, Transaction, View};

/// The log's file in the member's directory.
pub(super) const LOG_NAME: &str = "raft.redb";
/// How often a leader shows itself. Also the pace at which an idle member wakes.
const HEARTBEAT_MS: u64 = 100;
/// A follower stands for election when it has not heard of a leader for the greater of these and then for a time between
/// them: after 0.8 to 1 s. A vote must be on the others' disks within the lesser. Whoever asks for votes too early, because it
/// was held up itself, is refused by those that still hear the leader, and changes nothing.
const ELECTION_MIN_MS: u64 = 300;
const ELECTION_MAX_MS: u64 = 500;
/// So many of the entries in a snapshot stay in the log, for followers that are a little behind.
const KEPT_ENTRIES: u64 = 500;

/// How long a leader that stops waits for the next one.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(1);

/// A failure of consensus: this manager cannot go on.
#[derive(Debug, Error)]
pub enum ConsensusError {
    /// The directory cannot be read or written.
    #[error(transparent)]
    Storage(#[from] io::Error),
    /// The directory is of no member, or of one already.
    #[error("{0}")]
    Founded(&'static str),
    /// The keys of what is in the directory.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Entries are missing between the snapshot and the log.
    #[error(
        "the newest snapshot in {} ends before entry {first}, where the log begins",
        directory.display()
    )]
    Gap {
        /// The member's directory.
        directory: PathBuf,
        /// The first entry of the log.
        first: u64,
    },
    /// The library gave up; the reason is what it says.
    #[error("raft: {0}")]
    Fatal(String),
}

/// A read cannot be served: somebody else may have written since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this manager is not the leader of the swarm")]
pub(crate) struct ReadError;

/// How this member reaches others.
#[derive(Clone)]
pub(crate) struct Outside {
    /// Who it is to them.
    pub(crate) identity: SharedIdentity,
    /// How streams come about.
    pub(crate) dialer: Arc<dyn Dial>,
    /// `host:port` where they reach it; empty: as they know already.
    pub(crate) advertise_addr: String,
}

/// A new cluster of one member.
pub(crate) struct Founding {
    /// The member's number in the group.
    pub(crate) raft_id: u64,
    /// Where the others will reach it.
    pub(crate) addr: String,
    /// What is in the store from the first moment.
    pub(crate) first: Transaction,
}

/// The running member.
pub(crate) struct Consensus {
    pub(super) raft: Raft<Types, Machine>,
    leadership: watch::Receiver<Leadership>,
    failed: watch::Receiver<Option<String>>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    snapshots: Snapshots,
    heard: Heard,
    reach: Reach,
    pub(crate) raft_id: u64,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) store: Store,
    pub(crate) proposer: Proposer,
}

/// What the raft thread hands out once it runs.
type Started = Result<
    (Raft<Types, Machine>, watch::Receiver<Leadership>, watch::Receiver<Option<String>>),
    ConsensusError,
>;

impl Consensus {
    /// Founds a cluster of one member in an empty directory. When this returns, the first transaction is on disk and
    /// applied, and the directory is closed again.
    pub(crate) async fn found(
        directory: &Path,
        clock: Clock,
        outside: Outside,
        founding: Founding,
    ) -> Result<(), ConsensusError> {
        let Founding { raft_id, addr, first } = founding;
        let keyring = match Keyring::open(directory, None)? {
            Some(keyring) => keyring,
            None => Keyring::create(directory)?,
        };
        let file = LogFile::open(&directory.join(LOG_NAME), Arc::new(keyring))?;
        if file.member()?.is_some() {
            return Err(ConsensusError::Founded("raft storage: this directory has a member already"));
        }
        let node_id = outside.identity.get().node_id.to_string();
        file.set_member(&pb::RaftMember { raft_id, addr: addr.clone(), node_id: node_id.clone() })?;
        let mut consensus = Self::run(directory.to_owned(), file, raft_id, clock, outside).await?;
        let outcome = consensus.begin(Member { node_id, addr }, first).await;
        consensus.shutdown().await;
        outcome
    }

    /// Makes an empty member in an empty directory, which the leader of a group is to add to it.
    pub(crate) fn prepare(directory: &Path, member: &pb::RaftMember) -> Result<(), ConsensusError> {
        let keyring = Keyring::create(directory)?;
        let file = LogFile::open(&directory.join(LOG_NAME), Arc::new(keyring))?;
        if file.member()?.is_some() {
            return Err(ConsensusError::Founded("raft storage: this directory has a member already"));
        }
        Ok(file.set_member(member)?)
    }

    async fn begin(&mut self, member: Member, first: Transaction) -> Result<(), ConsensusError> {
        let members = std::collections::BTreeMap::from([(self.raft_id, member)]);
        self.raft.initialize(members).await.map_err(|error| ConsensusError::Fatal(error.to_string()))?;
        let led = self.leadership.wait_for(|leadership| leadership.term.is_some()).await.map(|_| ());
        led.map_err(|_| ConsensusError::Fatal("ended before it led".to_owned()))?;
        let applied = self.proposer.propose(first).await;
        applied.map_err(|error| ConsensusError::Fatal(error.to_string()))?;
        Ok(())
    }

    /// Opens the member of this directory: the snapshot and the log after it make up the state.
    ///
    /// All of it is read and checked first: what has lost anything that was acknowledged is refused.
    pub(crate) async fn open(
        directory: &Path,
        clock: Clock,
        outside: Outside,
        unlock: Option<&UnlockKey>,
    ) -> Result<Self, ConsensusError> {
        let path = directory.join(LOG_NAME);
        let keyring = match Keyring::open(directory, unlock)? {
            Some(keyring) => keyring,
            None if !path.try_exists()? => {
                return Err(ConsensusError::Founded("raft storage: no cluster was founded here"));
            }
            // From before there were keys.
            None => Keyring::create(directory)?,
        };
        let file = LogFile::open(&path, Arc::new(keyring))?;
        let member =
            file.member()?.ok_or(ConsensusError::Founded("raft storage: no cluster was founded here"))?;
        Self::run(directory.to_owned(), file, member.raft_id, clock, outside).await
    }

    async fn run(
        directory: PathBuf,
        file: LogFile,
        raft_id: u64,
        clock: Clock,
        outside: Outside,
    ) -> Result<Self, ConsensusError> {
        let (publisher, store) = Publisher::new(State::default());
        let (proposer, proposals) = Proposer::new(clock);
        let keyring = file.keyring();
        let snapshots = Snapshots::new(directory.clone(), keyring.clone());
        let machine = Machine::open(snapshots.clone(), publisher)?;
        if let Some(purged) =
            file.purged()?.filter(|purged| machine.last().is_none_or(|last| last.index < purged.index))
        {
            return Err(ConsensusError::Gap { directory, first: purged.index + 1 });
        }
        let reach = Reach::new(outside, store.clone());
        let network = Network { reach: reach.clone() };
        let heard = Heard::new();
        let listening = heard.clone();
        let (log, log_thread) = LogStore::new(file)?;
        let (stop, stopped) = oneshot::channel();
        let (started, start) = oneshot::channel::<Started>();
        let compaction = compact::Compaction { store: store.clone(), keyring: keyring.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let raft_thread = std::thread::Builder::new().name("raft".to_owned()).spawn(move || {
            runtime.block_on(async move {
                match Raft::new(raft_id, config(), network, log, machine).await {
                    Ok(raft) => live(raft, &listening, proposals, compaction, started, stopped).await,
                    Err(fatal) => drop(started.send(Err(ConsensusError::Fatal(fatal.to_string())))),
                }
            });
        })?;
        let ended = |_| ConsensusError::Fatal("ended while it started".to_owned());
        let (raft, leadership, failed) = start.await.map_err(ended)??;
        let threads = vec![raft_thread, log_thread];
        let stop = Some(stop);
        Ok(Self {
            raft,
            leadership,
            failed,
            stop,
            threads,
            snapshots,
            heard,
            reach,
            raft_id,
            keyring,
            store,
            proposer,
        })
    }

    /// Follows whether this member leads.
    pub(crate) fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// A handle for reads.
    pub(crate) fn reader(&self) -> Reader {
        Reader { raft: self.raft.clone(), store: self.store.clone() }
    }

    /// A handle on the group of members.
    pub(crate) fn roster(&self) -> Roster {
        Roster { raft: self.raft.clone(), raft_id: self.raft_id, heard: self.heard.clone() }
    }

    /// What answers the other members.
    pub(crate) fn server(&self) -> RaftServer {
        let joining =
            Joining { reader: self.reader(), store: self.store.clone(), proposer: self.proposer.clone() };
        let (raft, reach) = (self.raft.clone(), self.reach.clone());
        RaftServer::new(raft, self.raft_id, self.snapshots.clone(), self.heard.clone(), joining, reach)
    }

    /// Gives leadership to another member, if this one leads and another could; returns when it has it, or after a while.
    pub(crate) async fn hand_over(&self) {
        let mut leadership = self.leadership();
        let leads = |now: &Leadership| now.term.is_some();
        if !leads(&leadership.borrow()) {
            return;
        }
        let Some(heir) = self.roster().group().heir() else { return };
        if let Err(error) = self.roster().hand_over(heir).await {
            return tracing::debug!(%error, "leadership is not handed over");
        }
        let taken = leadership.wait_for(|now| !leads(now) && now.leader.is_some());
        if tokio::time::timeout(HAND_OVER_LIMIT, taken).await.is_err() {
            tracing::warn!("nobody has taken leadership over in time");
        }
    }

    /// Waits until consensus fails; for ever, if it does not.
    pub(crate) fn failed(&self) -> impl Future<Output = ConsensusError> + Send + use<> {
        let mut failed = self.failed.clone();
        async move {
            let reason = failed.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
            match reason {
                Some(reason) => ConsensusError::Fatal(reason),
                // It was shut down.
                None => std::future::pending().await,
            }
        }
    }

    /// A handle to have the log compacted out of turn.
    pub(crate) fn compactor(&self) -> Compactor {
        Compactor(self.raft.clone())
    }

    /// Ends the member: what was acknowledged is on disk, the files are closed when this returns.
    pub(crate) async fn shutdown(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().map(JoinHandle::join).all(|joined| joined.is_ok())
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("a thread of raft ended by a panic");
        }
    }
}

/// Has the log compacted. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Compactor(Raft<Types, Machine>);

impl Compactor {
    /// Begins a snapshot; what it covers goes from the log. Its end is not waited for.
    pub(crate) async fn compact(&self) {
        if let Err(error) = self.0.trigger().snapshot().await {
            tracing::debug!(%error, "no snapshot any more");
        }
    }
}

/// Serves reads that see every write acknowledged before. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Reader {
    raft: Raft<Types, Machine>,
    store: Store,
}

impl Reader {
    /// A view that contains all that was acknowledged before this call. While the lease holds it costs no message.
    pub(crate) async fn view(&self) -> Result<View, ReadError> {
        match self.raft.ensure_linearizable(ReadPolicy::LeaseRead).await {
            Ok(_) => Ok(self.store.view()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(_))) => Err(ReadError),
            Err(error) => {
                tracing::debug!(%error, "cannot read");
                Err(ReadError)
            }
        }
    }
}

fn config() -> Arc<Config> {
    Arc::new(Config {
        cluster_name: "shoal".to_owned(),
        heartbeat_interval: HEARTBEAT_MS,
        election_timeout_min: ELECTION_MIN_MS,
        election_timeout_max: ELECTION_MAX_MS,
        // The cluster's settings say when, and they may change: see `compact`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: KEPT_ENTRIES,
        enable_pre_vote: Some(true),
        // A leader that is started again knows neither what was committed nor whether its own disk had all of it, and would serve
        // reads from before: it has to be elected like everybody else, by those who know.
        enable_leader_restore: Some(false),
        ..Config::default()
    })
}

/// The life of the raft thread, after the library has started.
async fn live(
    raft: Raft<Types, Machine>,
    heard: &Heard,
    proposals: tokio::sync::mpsc::Receiver<crate::store::Proposal>,
    compaction: compact::Compaction,
    started: oneshot::Sender<Started>,
    stopped: oneshot::Receiver<()>,
) {
    let (leadership, leadership_receiver) = watch::channel(Leadership::default());
    let (failed, failed_receiver) = watch::channel(None);
    if started.send(Ok((raft.clone(), leadership_receiver, failed_receiver))).is_err() {
        return;
    }
    // Where nobody else could be elected there is nobody to wait for.
    if raft.voter_ids().eq([*raft.node_id()])
        && let Err(error) = raft.trigger().elect(false).await
    {
        tracing::warn!(%error, "an election does not begin at once");
    }
    let pump = tokio::spawn(propose::run(raft.clone(), proposals));
    let compacting = tokio::spawn(compact::run(raft.clone(), compaction));
    tokio::select! {
        // The sender is dropped when whoever owns the member is gone.
        _ = stopped => {}
        reason = follow(&raft, *raft.node_id(), heard, &leadership) => {
            tracing::error!(%reason, "raft has failed");
            failed.send_replace(Some(reason));
        }
    }
    leadership.send_replace(Leadership::default());
    pump.abort();
    compacting.abort();
    if let Err(error) = raft.shutdown().await {
        tracing::warn!(%error, "raft did not shut down in order");
    }
}
