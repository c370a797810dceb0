//! Records on disk: `engine.redb`, a table for containers and one for networks, id → JSON.
//!
//! One thread writes. It takes everything that waits into one transaction (group commit). Writes are of two kinds: those
//! whose caller waits until they are on the disk (a new name, and a stop that a restart policy must remember), and those
//! nobody waits for, which gather for [`LAZY_DELAY`] and replace one another. The second kind may be lost when the
//! daemon is killed; nothing depends on it then, since a creation is told by the record in the container's directory, what
//! runs by the shims, how a run ended by the shim's exit file (kept until the record is written), and a removal by the
//! missing directory. All of these reached the kernel before anybody was told; only a power cut within the delay loses a
//! creation, whose writable layer would not have survived it either.

use crate::error::{Error, Result};
use crate::record::Record;
use network::NetworkRecord;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long writes that nobody waits for gather.
const LAZY_DELAY: Duration = Duration::from_millis(50);
/// Memory for the database's pages, in bytes.
const CACHE_BYTES: usize = 1 << 20;
/// How many writes one transaction takes at the most.
const BATCH_MAX: usize = 1024;

/// The way to the writing thread. Cheap to clone; the thread ends with the last one, after writing what it was given.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    writes: Sender<Write>,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Table {
    Container,
    Network,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Table::Container => "container",
            Table::Network => "network",
        }
    }
}

fn definition(table: Table) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(table.name())
}

/// Where a record stands.
type Place = (Table, String);

/// What `open` found.
pub(crate) struct Stored {
    pub(crate) containers: Vec<Record>,
    pub(crate) networks: Vec<NetworkRecord>,
}

#[derive(Debug)]
struct Write {
    place: Place,
    /// `None` removes.
    value: Option<Vec<u8>>,
    urgent: bool,
    done: oneshot::Sender<Result<()>>,
}

/// Tells when a write is on the disk; may be dropped.
pub(crate) type Written = oneshot::Receiver<Result<()>>;

impl Store {
    /// Opens or makes the file and reads all records. A record that cannot be read is an error: better no daemon than
    /// one that takes containers it has forgotten for debris.
    pub(crate) fn open(path: &Path) -> Result<(Store, Stored)> {
        let failed = |action| move |error: redb::Error| Error::Store { action, reason: error.to_string() };
        let database = open_database(path).map_err(failed("opened"))?;
        let stored = Stored { containers: read_all(&database)?, networks: read_all(&database)? };
        let (writes, queue) = channel();
        let file = path.to_owned();
        std::thread::Builder::new()
            .name("engine-store".into())
            .spawn(move || write_loop(&file, database, &queue))
            .map_err(Error::io("start the writer of", path))?;
        Ok((Store { writes }, stored))
    }

    /// Writes a record and waits until it is on the disk.
    pub(crate) async fn put(&self, record: &Record) -> Result<()> {
        self.send(&record.id, Some(record), true)?.await?
    }

    /// Writes a record soon.
    pub(crate) fn put_soon(&self, record: &Record) -> Result<Written> {
        self.send(&record.id, Some(record), false)
    }

    /// Removes a record soon.
    pub(crate) fn remove_soon(&self, id: &str) -> Result<Written> {
        self.send::<Record>(id, None, false)
    }

    /// Writes a network and waits until it is on the disk.
    pub(crate) async fn put_network(&self, network: &NetworkRecord) -> Result<()> {
        self.send(&network.id, Some(network), true)?.await?
    }

    /// Removes a network and waits until it is off the disk.
    pub(crate) async fn remove_network(&self, id: &str) -> Result<()> {
        self.send::<NetworkRecord>(id, None, true)?.await?
    }

    fn send<T: Kept>(&self, id: &str, record: Option<&T>, urgent: bool) -> Result<Written> {
        let value = record.map(serde_json::to_vec).transpose();
        let value = value.map_err(|error| Error::Store { action: "written", reason: error.to_string() })?;
        let (done, written) = oneshot::channel();
        let write = Write { place: (T::TABLE, id.to_owned()), value, urgent, done };
        self.writes.send(write).map_err(|_| Error::ShuttingDown)?;
        Ok(written)
    }
}

/// What has a table of its own.
trait Kept: serde::Serialize + serde::de::DeserializeOwned {
    const TABLE: Table;
}

impl Kept for Record {
    const TABLE: Table = Table::Container;
}

impl Kept for NetworkRecord {
    const TABLE: Table = Table::Network;
}

/// The ids of all containers in a file that no engine has open; none if there is no file.
pub(crate) fn known(path: &Path) -> Result<std::collections::HashSet<String>> {
    if !path.exists() {
        return Ok(Default::default());
    }
    let failed = |error: redb::Error| Error::Store { action: "opened", reason: error.to_string() };
    let records: Vec<Record> = read_all(&open_database(path).map_err(failed)?)?;
    Ok(records.into_iter().map(|record| record.id).collect())
}

fn read_all<T: Kept>(database: &Database) -> Result<Vec<T>> {
    let failed = |reason: String| Error::Store { action: "read", reason };
    let transaction = database.begin_read().map_err(|error| failed(error.to_string()))?;
    let table = match transaction.open_table(definition(T::TABLE)) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut records = Vec::new();
    for entry in table.iter().map_err(|error| failed(error.to_string()))? {
        let (id, value) = entry.map_err(|error| failed(error.to_string()))?;
        let record = serde_json::from_slice(value.value())
            .map_err(|error| failed(format!("record of {} {}: {error}", T::TABLE.name(), id.value())))?;
        records.push(record);
    }
    Ok(records)
}

/// Writes until every handle is gone. After a failure (a full disk) the database refuses everything until it is opened
/// again, which the next write tries; what nobody waited for is kept until then, one value for each record.
fn write_loop(path: &Path, database: Database, queue: &Receiver<Write>) {
    let mut open = Some(database);
    let mut kept: HashMap<Place, Option<Vec<u8>>> = HashMap::new();
    while let Some(batch) = next_batch(queue) {
        let result = commit_or_reopen(path, &mut open, &kept, &batch);
        match &result {
            Ok(()) => kept.clear(),
            Err(error) => {
                tracing::error!(%error, "container metadata cannot be written");
                let lazy = batch.iter().filter(|write| !write.urgent);
                kept.extend(lazy.map(|write| (write.place.clone(), write.value.clone())));
            }
        }
        for write in batch {
            let answer = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(Error::Store { action: "written", reason: error.to_string() }),
            };
            // Nobody may be waiting.
            let _ = write.done.send(answer);
        }
    }
    if !kept.is_empty()
        && let Err(error) = commit_or_reopen(path, &mut open, &kept, &[])
    {
        tracing::error!(%error, "container metadata is lost");
    }
}

fn commit_or_reopen(
    path: &Path,
    open: &mut Option<Database>,
    kept: &HashMap<Place, Option<Vec<u8>>>,
    batch: &[Write],
) -> std::result::Result<(), redb::Error> {
    let database = match open.take() {
        Some(database) => database,
        None => open_database(path)?,
    };
    commit(&database, kept, batch)?;
    *open = Some(database);
    Ok(())
}

fn open_database(path: &Path) -> std::result::Result<Database, redb::Error> {
    Ok(Database::builder().set_cache_size(CACHE_BYTES).create(path)?)
}

/// Everything that waits; if nobody waits for any of it, what comes within the delay too. `None` at the end.
fn next_batch(queue: &Receiver<Write>) -> Option<Vec<Write>> {
    let first = queue.recv().ok()?;
    let deadline = Instant::now() + LAZY_DELAY;
    let mut urgent = first.urgent;
    let mut batch = vec![first];
    while batch.len() < BATCH_MAX {
        let wait = if urgent { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
        match queue.recv_timeout(wait) {
            Ok(write) => {
                urgent |= write.urgent;
                batch.push(write);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(batch)
}

fn commit(
    database: &Database,
    kept: &HashMap<Place, Option<Vec<u8>>>,
    batch: &[Write],
) -> std::result::Result<(), redb::Error> {
    // Only the last word about each counts.
    let mut last: HashMap<&Place, Option<&[u8]>> =
        kept.iter().map(|(place, value)| (place, value.as_deref())).collect();
    last.extend(batch.iter().map(|write| (&write.place, write.value.as_deref())));
    fault::point("store: begin transaction");
    let mut transaction = database.begin_write()?;
    // Without it, opening after a crash walks the whole file.
    transaction.set_quick_repair(true);
    for kind in [Table::Container, Table::Network] {
        let mut of_kind = last.iter().filter(|((table, _), _)| *table == kind).peekable();
        if of_kind.peek().is_none() {
            continue;
        }
        let mut table = transaction.open_table(definition(kind))?;
        for ((_, id), value) in of_kind {
            match value {
                Some(value) => drop(table.insert(id.as_str(), *value)?),
                None => drop(table.remove(id.as_str())?),
            }
        }
    }
    fault::point("store: commit");
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, name: &str) -> Record {
        Record { id: id.into(), name: name.into(), ..Record::default() }
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_there_again_and_the_last_word_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.redb");
        let (store, stored) = Store::open(&path).unwrap();
        assert!(stored.containers.is_empty() && stored.networks.is_empty());
        store.put(&record("a", "one")).await.unwrap();
        store.put(&record("b", "two")).await.unwrap();
        drop(store.put_soon(&record("a", "lazy")).unwrap());
        drop(store.put_soon(&record("c", "three")).unwrap());
        store.remove_soon("c").unwrap().await.unwrap().unwrap();
        drop(store);
        let reopened = eventually_open(&path);
        let mut names: Vec<_> = reopened.into_iter().map(|record| record.name).collect();
        names.sort();
        assert_eq!(names, ["lazy", "two"]);
    }

    #[test]
    fn what_nobody_waited_for_is_written_when_the_database_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (dir.path().join("engine.redb"), dir.path().join("missing/engine.redb"));
        let kept = HashMap::from([(
            (Table::Container, "a".to_owned()),
            serde_json::to_vec(&record("a", "kept")).ok(),
        )]);
        let mut open = None;
        assert!(commit_or_reopen(&elsewhere, &mut open, &kept, &[]).is_err());
        assert!(open.is_none());
        commit_or_reopen(&path, &mut open, &kept, &[]).unwrap();
        let records: Vec<Record> = read_all(&open.unwrap()).unwrap();
        let names: Vec<_> = records.into_iter().map(|record| record.name).collect();
        assert_eq!(names, ["kept"]);
    }

    /// The writing thread lets go of the file shortly after its last handle.
    fn eventually_open(path: &Path) -> Vec<Record> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match Store::open(path) {
                Ok((_, stored)) => return stored.containers,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_second_engine_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.redb");
        let first = Store::open(&path).unwrap();
        assert!(Store::open(&path).map(|_| ()).unwrap_err().to_string().contains("opened"));
        drop(first);
    }

    #[test]
    fn a_record_that_cannot_be_read_stops_the_engine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.redb");
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(definition(Table::Container)).unwrap().insert("a", b"{".as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(database);
        assert!(Store::open(&path).map(|_| ()).unwrap_err().to_string().contains("container a"));
    }
}
