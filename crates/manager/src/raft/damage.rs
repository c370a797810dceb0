//! What becomes of a member whose files are torn, damaged, old, or of the first format.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use prost::Message;
use redb::{Database, ReadableTable, TableDefinition};
use swarm_api::pb;
use tempfile::TempDir;

use super::consensus::{Consensus, LOG_NAME};
use super::log::LogFile;
use super::tests::{create, founded, opened, outside};
use super::{convert, refound};
use crate::clock::Clock;
use crate::seal::Keyring;

/// Writes so many services, each acknowledged.
async fn write(consensus: &Consensus, prefix: &str, count: usize) {
    for number in 0..count {
        consensus.proposer.propose(create(&format!("{prefix}-{number}"))).await.expect("applies");
    }
}

fn copy(from: &Path) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(from).expect("lists").flatten() {
        fs::copy(entry.path(), directory.path().join(entry.file_name())).expect("copies");
    }
    directory
}

async fn refusal(directory: &Path) -> String {
    Consensus::open(directory, Clock::system(), outside(), None).await.err().expect("is refused").to_string()
}

/// The ids of the entries in the log.
fn entries(directory: &Path) -> std::io::Result<Vec<(u64, u64)>> {
    let keyring = Keyring::open(directory, None)?.ok_or(std::io::ErrorKind::NotFound)?;
    let file = LogFile::open(&directory.join(LOG_NAME), Arc::new(keyring))?;
    let entries = file.all()?;
    Ok(entries.iter().map(|entry| (entry.log_id.index, entry.log_id.leader_id.term)).collect())
}

/// As the disk is while the member runs and after it was shut down.
async fn images() -> (TempDir, TempDir) {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    write(&consensus, "written", 12).await;
    let running = copy(directory.path());
    consensus.shutdown().await;
    (running, directory)
}

fn damaged(image: &Path, name: &str, damage: impl Fn(&mut Vec<u8>)) -> TempDir {
    let directory = copy(image);
    let path = directory.path().join(name);
    let mut bytes = fs::read(&path).expect("reads");
    damage(&mut bytes);
    fs::write(&path, bytes).expect("writes");
    directory
}

#[test]
fn a_damaged_log_is_whole_or_refused() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (running, stopped) = runtime.block_on(images());
    let whole = entries(copy(stopped.path()).path()).expect("opens");
    assert!(whole.len() > 12);
    assert_eq!(entries(copy(running.path()).path()).expect("opens as after a kill"), whole);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(160));
    let damage = (any::<bool>(), any::<prop::sample::Index>(), 0u8..8, any::<bool>());
    let outcome = runner.run(&damage, |(is_running, place, bit, cut)| {
        let image = if is_running { running.path() } else { stopped.path() };
        let directory = damaged(image, LOG_NAME, |bytes| {
            let place = place.index(bytes.len());
            if cut { bytes.truncate(place) } else { bytes[place] ^= 1 << bit }
        });
        if let Ok(found) = entries(directory.path()) {
            prop_assert_eq!(&found, &whole);
        }
        Ok(())
    });
    outcome.expect("nothing is lost unnoticed");
}

#[tokio::test]
async fn an_older_log_is_refused_by_the_mark_and_taken_when_told() {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    write(&consensus, "before", 3).await;
    consensus.shutdown().await;
    let older = copy(directory.path());
    let mut consensus = opened(directory.path()).await;
    write(&consensus, "after", 3).await;
    consensus.shutdown().await;

    let log = directory.path().join(LOG_NAME);
    fs::copy(older.path().join(LOG_NAME), &log).expect("copies");
    let said = refusal(directory.path()).await;
    assert!(said.contains(log.to_str().expect("a path")) && said.contains("was acknowledged"), "{said}");
    let recovered = refound::recover(directory.path(), None).expect("recovers");
    assert!(recovered.state.service("before-2").is_some() && recovered.state.service("after-0").is_none());

    // Without the mark nobody can tell.
    fs::remove_file(directory.path().join("raft.mark")).expect("removes");
    assert!(refusal(directory.path()).await.contains("raft.mark is missing"));
    // A log that is gone is not taken for a new one.
    fs::copy(older.path().join("raft.mark"), directory.path().join("raft.mark")).expect("copies");
    fs::remove_file(&log).expect("removes");
    assert!(refusal(directory.path()).await.contains("was acknowledged"));
    fs::write(&log, b"").expect("writes");
    assert!(refusal(directory.path()).await.contains("was acknowledged"));
}

#[tokio::test]
async fn an_entry_that_was_changed_is_named() {
    let (_, directory) = images().await;
    let change = |index: u64, row: Option<Vec<u8>>| {
        let database = Database::open(directory.path().join(LOG_NAME)).expect("opens");
        let transaction = database.begin_write().expect("begins");
        let old = {
            let mut log = transaction.open_table(LOG).expect("opens");
            let old = log.get(index).expect("reads").map(|row| row.value().to_vec());
            match row {
                Some(row) => drop(log.insert(index, row.as_slice()).expect("writes")),
                None => drop(log.remove(index).expect("removes")),
            }
            old.expect("is there")
        };
        transaction.commit().expect("commits");
        old
    };
    let fifth = change(5, Some(b"\x01nonsense".to_vec()));
    assert!(refusal(directory.path()).await.contains("entry 5 cannot be read"));
    let recovered = refound::recover(directory.path(), None).expect("recovers");
    assert_eq!(recovered.last, 4, "what is before it is kept");
    change(5, Some(fifth.clone()));
    change(6, Some(fifth));
    assert!(refusal(directory.path()).await.contains("entry 6 cannot be read"), "another entry stands there");
    change(6, None);
    assert!(refusal(directory.path()).await.contains("entry 6 is missing"));
}

#[tokio::test]
async fn without_the_snapshot_the_log_is_refused() {
    let directory = founded().await;
    let mut consensus = opened(directory.path()).await;
    write(&consensus, "before", 3).await;
    consensus.compact().await.expect("takes a snapshot");
    write(&consensus, "after", 3).await;
    consensus.shutdown().await;
    let mut snapshot = fs::read_dir(directory.path()).expect("lists").flatten().map(|entry| entry.path());
    let snapshot = snapshot.find(|path| path.to_string_lossy().contains("snapshot-")).expect("is there");
    let name = snapshot.file_name().and_then(|name| name.to_str()).expect("has a name").to_owned();
    let said = refusal(damaged(directory.path(), &name, |bytes| bytes[100] ^= 1).path()).await;
    assert!(said.contains(&name), "{said}");
    fs::remove_file(&snapshot).expect("removes");
    assert!(refusal(directory.path()).await.contains("where the log begins"));
}

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// Writes the log as the first format has it: every row lies open, and there are neither keys nor a mark.
fn unseal(directory: &Path) {
    let keyring = Keyring::open(directory, None).expect("opens").expect("has keys");
    let path = directory.join(LOG_NAME);
    let file = LogFile::open(&path, Arc::new(keyring)).expect("opens");
    let (entries, member) = (file.all().expect("reads"), file.member().expect("reads").expect("is there"));
    drop(file);
    fs::remove_file(&path).expect("removes");
    let database = Database::create(&path).expect("makes a log");
    let transaction = database.begin_write().expect("begins");
    {
        let mut meta = transaction.open_table(META).expect("opens");
        meta.insert("member", member.encode_to_vec().as_slice()).expect("writes");
        let vote = pb::RaftVote { term: 9, raft_id: member.raft_id, committed: true };
        meta.insert("vote", vote.encode_to_vec().as_slice()).expect("writes");
        let mut log = transaction.open_table(LOG).expect("opens");
        for entry in entries {
            let bytes = convert::entry_to_message(&entry).encode_to_vec();
            log.insert(entry.log_id.index, bytes.as_slice()).expect("writes");
        }
    }
    transaction.commit().expect("commits");
    fs::remove_file(directory.join("keys")).expect("removes");
    fs::remove_file(directory.join("raft.mark")).expect("removes");
}

#[tokio::test]
async fn the_first_format_is_sealed_when_it_is_opened() {
    let (_, directory) = images().await;
    unseal(directory.path());
    let shows = || {
        let bytes = fs::read(directory.path().join(LOG_NAME)).expect("reads");
        bytes.windows(14).any(|window| window == b"name-written-7")
    };
    assert!(shows());
    let recovered = refound::recover(copy(directory.path()).path(), None).expect("recovers");
    assert!(recovered.state.service("written-11").is_some() && recovered.term == 9);
    for _ in 0..2 {
        let mut consensus = opened(directory.path()).await;
        let view = consensus.reader().view().await.expect("leads");
        assert!(view.service("written-0").is_some() && view.service("written-11").is_some());
        consensus.shutdown().await;
        assert!(!shows(), "nothing lies open any more");
    }
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let (_, directory) = images().await;
    let database = Database::open(directory.path().join(LOG_NAME)).expect("opens");
    let transaction = database.begin_write().expect("begins");
    {
        let mut meta = transaction.open_table(META).expect("opens");
        meta.insert("format", 7u32.to_be_bytes().as_slice()).expect("writes");
    }
    transaction.commit().expect("commits");
    drop(database);
    let said = refusal(directory.path()).await;
    assert!(said.contains("format 7") && said.contains("newer"), "{said}");
}
