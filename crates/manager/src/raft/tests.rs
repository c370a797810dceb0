//! The library's own suite over our storage, and what a crash leaves.

use std::time::Duration;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use swarm_api::pb;
use tempfile::TempDir;

use super::consensus::{Consensus, Founding};
use super::log::{LogFile, LogStore};
use super::machine::Machine;
use super::snapshot;
use super::types::{LeaderId, LogId, SnapshotMeta, StoredMembership, Types};
use crate::clock::Clock;
use crate::store::{Publisher, State, Store, Transaction, apply};

struct Builder;

/// Keeps the directory, and the reading side that the publisher feeds.
type Guard = (TempDir, Store);

impl StoreBuilder<Types, LogStore, Machine, Guard> for Builder {
    async fn build(&self) -> Result<(Guard, LogStore, Machine), StorageError<Types>> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (publisher, store) = Publisher::new(State::default());
        let file = LogFile::open(&directory.path().join("log")).expect("an empty log");
        let (log, _thread) = LogStore::new(file).expect("a log store");
        let machine = Machine::open(directory.path().to_owned(), publisher).expect("a state machine");
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

fn create(id: &str) -> Transaction {
    let mut transaction = Transaction::default();
    transaction.put(service(id));
    transaction
}

impl Consensus {
    /// Takes a snapshot now and drops the log it covers.
    async fn compact(&self) -> anyhow::Result<()> {
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

async fn founded() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let founding = Founding { raft_id: 7, addr: "127.0.0.1:2377".into(), first: create("first") };
    Consensus::found(directory.path(), Clock::system(), founding).await.expect("founds");
    directory
}

async fn opened(directory: &TempDir) -> Consensus {
    let consensus = Consensus::open(directory.path(), Clock::system()).await.expect("opens");
    let mut leadership = consensus.leadership();
    let leads = leadership.wait_for(|leadership| leadership.term.is_some());
    tokio::time::timeout(Duration::from_secs(20), leads).await.expect("leads in time").expect("runs");
    consensus
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let directory = founded().await;
    let mut consensus = opened(&directory).await;
    let applied = consensus.proposer.propose(create("second")).await.expect("applies");
    let view = consensus.reader().view().await.expect("leads");
    assert_eq!(
        view.service("second").and_then(|service| service.meta.map(|meta| meta.version)),
        Some(applied.index)
    );
    consensus.shutdown().await;

    let mut consensus = opened(&directory).await;
    let view = consensus.reader().view().await.expect("leads");
    assert!(view.service("first").is_some() && view.service_by_name("name-second").is_some());
    assert_eq!(view.service("second").map(|service| service.spec_version), Some(applied.index));
    consensus.shutdown().await;
}

/// What is compacted away is in the snapshot, and what came after it is in the log.
#[tokio::test]
async fn a_restart_begins_with_the_snapshot() {
    let directory = founded().await;
    let mut consensus = opened(&directory).await;
    for number in 0..20 {
        consensus.proposer.propose(create(&format!("before-{number}"))).await.expect("applies");
    }
    consensus.compact().await.expect("takes a snapshot");
    consensus.proposer.propose(create("after")).await.expect("applies");
    consensus.shutdown().await;
    assert!(directory.path().join("snapshot").exists());

    let mut consensus = opened(&directory).await;
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
    let mut consensus = opened(&directory).await;
    assert!(Consensus::open(directory.path(), Clock::system()).await.is_err());
    consensus.shutdown().await;
    let empty = tempfile::tempdir().expect("a temporary directory");
    let error = Consensus::open(empty.path(), Clock::system()).await.err().expect("refused");
    assert_eq!(error.to_string(), "raft storage: no cluster was founded here");
}

#[test]
fn a_snapshot_reads_back_and_half_of_one_does_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = State::default();
    for index in 1..200 {
        apply(&mut state, create(&format!("s{index}")), 1, index).expect("applies");
    }
    let last = LogId::new(LeaderId { term: 3, node_id: 7 }, 199);
    let meta = SnapshotMeta { last_log_id: Some(last), last_membership: StoredMembership::default() };
    snapshot::write(directory.path(), &meta, &state).expect("writes");
    let open = || snapshot::open(directory.path()).expect("opens").expect("is there");
    let (read_meta, read_state) = snapshot::read(open()).expect("reads");
    assert_eq!(read_meta.last_log_id, Some(last));
    assert!(read_state.objects().eq(state.objects()) && read_state.index() == 199);
    assert_eq!(read_state.service_by_name("name-s7").map(|service| service.id.as_str()), Some("s7"));

    let path = directory.path().join("snapshot");
    let whole = std::fs::read(&path).expect("reads");
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).expect("writes");
        assert!(snapshot::read(open()).is_err(), "{length} bytes of {}", whole.len());
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    std::fs::write(&path, flipped).expect("writes");
    assert!(snapshot::read(open()).is_err());
}
