//! The library's own suite over our storage, and what a crash leaves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use swarm_api::channel::Tcp;
use swarm_api::id::NodeId;
use swarm_api::pb;
use swarm_api::role::Role;
use swarm_api::tls::{Identity, NodeKey, SharedIdentity};
use tempfile::TempDir;

use super::consensus::{Consensus, Founding, Outside};
use super::log::{LogFile, LogStore};
use super::machine::Machine;
use super::snapshot::Snapshots;
use super::types::Types;
use crate::ca::{self, Grant};
use crate::clock::Clock;
use crate::seal::{Keyring, UnlockKey};
use crate::store::{Publisher, State, Store, Transaction};

struct Builder;

/// Keeps the directory, and the reading side that the publisher feeds.
type Guard = (TempDir, Store);

impl StoreBuilder<Types, LogStore, Machine, Guard> for Builder {
    async fn build(&self) -> Result<(Guard, LogStore, Machine), StorageError<Types>> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (publisher, store) = Publisher::new(State::default());
        let keyring = Arc::new(Keyring::create(directory.path()).expect("keys"));
        let file = LogFile::open(&directory.path().join("log"), keyring.clone()).expect("an empty log");
        let (log, _thread) = LogStore::new(file).expect("a log store");
        let snapshots = Snapshots::new(directory.path().to_owned(), keyring);
        let machine = Machine::open(snapshots, publisher).expect("a state machine");
        Ok(((directory, store), log, machine))
    }
}

#[tokio::test]
async fn storage_passes_the_suite() {
    Suite::test_all(Builder).await.expect("the suite passes");
}

fn service(id: &str) -> pb::Service {
    let annotations = Some(pb::Annotations { name: format!("name-{id}"), ..Default::default() });
    let spec = Some(pb::ServiceSpec { annotations, ..Default::default() });
    pb::Service { id: id.into(), spec, ..Default::default() }
}

pub(super) fn create(id: &str) -> Transaction {
    let mut transaction = Transaction::default();
    transaction.put(service(id));
    transaction
}

impl Consensus {
    /// Takes a snapshot now and drops the log it covers.
    pub(super) async fn compact(&self) -> anyhow::Result<()> {
        let index = self.store.view().index();
        self.raft.trigger().snapshot().await?;
        self.raft
            .wait(Some(Duration::from_secs(20)))
            .metrics(|metrics| metrics.snapshot.map(|id| id.index) >= Some(index), "snapshot")
            .await?;
        self.raft.trigger().purge_log(index).await?;
        self.raft
            .wait(Some(Duration::from_secs(20)))
            .metrics(|metrics| metrics.purged.map(|id| id.index) >= Some(index), "purge")
            .await?;
        Ok(())
    }
}

pub(super) async fn founded() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let founding = Founding { raft_id: 7, addr: "127.0.0.1:2377".into(), first: create("first") };
    Consensus::found(directory.path(), Clock::system(), outside(), founding).await.expect("founds");
    directory
}

/// An identity with which nobody is called.
pub(super) fn outside() -> Outside {
    let root = ca::generate(0).expect("a root");
    let key = NodeKey::generate().expect("a key");
    let node_id = NodeId::from("node");
    let validity = Duration::from_secs(3600);
    let grant = Grant { node_id: &node_id, role: Role::Manager, cluster_id: "swarm", now_ns: 0, validity };
    let chain = ca::issue(&root, &key.csr_der().expect("a request"), &grant).expect("a certificate");
    let identity = Identity::from_pem(&chain, &key.to_pem()).expect("an identity");
    Outside { identity: SharedIdentity::new(identity), dialer: Arc::new(Tcp), advertise_addr: String::new() }
}

pub(super) async fn opened(directory: &Path) -> Consensus {
    unlocked(directory, None).await
}

async fn unlocked(directory: &Path, unlock: Option<&UnlockKey>) -> Consensus {
    let consensus = Consensus::open(directory, Clock::system(), outside(), unlock).await.expect("opens");
    let mut leadership = consensus.leadership();
    let leads = leadership.wait_for(|leadership| leadership.term.is_some());
    tokio::time::timeout(Duration::from_secs(20), leads).await.expect("leads in time").expect("runs");
    consensus
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    let applied = consensus.proposer.propose(create("second")).await.expect("applies");
    let view = consensus.reader().view().await.expect("leads");
    assert_eq!(
        view.service("second").and_then(|service| service.meta.map(|meta| meta.version)),
        Some(applied.index)
    );
    consensus.shutdown().await;

    let mut consensus = opened(directory.path()).await;
    let view = consensus.reader().view().await.expect("leads");
    assert!(view.service("first").is_some() && view.service_by_name("name-second").is_some());
    assert_eq!(view.service("second").map(|service| service.spec_version), Some(applied.index));
    consensus.shutdown().await;
}

/// What is compacted away is in the snapshot, and what came after it is in the log.
#[tokio::test]
async fn a_restart_begins_with_the_snapshot() {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    for number in 0..20 {
        consensus.proposer.propose(create(&format!("before-{number}"))).await.expect("applies");
    }
    consensus.compact().await.expect("takes a snapshot");
    consensus.proposer.propose(create("after")).await.expect("applies");
    consensus.shutdown().await;
    let names = std::fs::read_dir(directory.path()).expect("lists");
    assert!(names.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("snapshot-")));

    let mut consensus = opened(directory.path()).await;
    let view = consensus.reader().view().await.expect("leads");
    assert!(
        view.service("first").is_some()
            && view.service("before-19").is_some()
            && view.service("after").is_some()
    );
    consensus.shutdown().await;
}

#[tokio::test]
async fn a_second_opening_is_refused_and_so_is_an_empty_directory() {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    assert!(Consensus::open(directory.path(), Clock::system(), outside(), None).await.is_err());
    consensus.shutdown().await;
    let empty = tempfile::tempdir().expect("a temporary directory");
    let error = Consensus::open(empty.path(), Clock::system(), outside(), None).await.err().expect("refused");
    assert!(error.to_string().ends_with("no cluster was founded here"), "{error}");
}

/// A new lock means a new key; what was sealed before stays readable, and its key goes with it.
#[tokio::test]
async fn a_locked_member_opens_with_its_key_and_forgets_the_old_ones() {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    let (unlock, other) = (UnlockKey::generate().expect("a key"), UnlockKey::generate().expect("a key"));
    consensus.keyring.relock(Some(unlock.clone())).expect("locks");
    consensus.proposer.propose(create("second")).await.expect("applies");
    assert!(consensus.keyring.has_old());
    consensus.shutdown().await;

    let refused = |unlock: Option<&UnlockKey>| {
        let opening = Consensus::open(directory.path(), Clock::system(), outside(), unlock);
        futures_util::FutureExt::now_or_never(opening).expect("at once").err().expect("refused")
    };
    assert!(refused(None).to_string().contains("locked"));
    assert!(refused(Some(&other)).to_string().contains("invalid key"));

    let mut consensus = unlocked(directory.path(), Some(&unlock)).await;
    let view = consensus.reader().view().await.expect("leads");
    assert!(view.service("first").is_some() && view.service("second").is_some());
    consensus.compact().await.expect("takes a snapshot");
    let forgotten = async {
        while consensus.keyring.has_old() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgotten).await.expect("the first key goes in time");
    consensus.shutdown().await;
    let mut consensus = unlocked(directory.path(), Some(&unlock)).await;
    assert!(consensus.reader().view().await.expect("leads").service("second").is_some());
    consensus.shutdown().await;
}
