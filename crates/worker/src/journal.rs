//! What the worker must not forget: its assigned tasks, their newest statuses, its ingress ports and the
//! managers' addresses, in one redb file.
//!
//! A task is journalled before anything is done for it. Losing the file is safe: the managers send all
//! again and the executor finds the containers; so a file that cannot be read is set aside, not fatal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError,
};
use swarm_api::pb;
use swarm_api::progress::progress;

use crate::error::AgentError;
use crate::step::is_terminal;

const FILE: &str = "worker.redb";
/// The journal of a node is small: a page cache of this many bytes serves it.
const CACHE_BYTES: usize = 1 << 20;

const TASKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("task");
const STATUSES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("status");
const WITHDRAWN: TableDefinition<'_, &str, ()> = TableDefinition::new("withdrawn");
/// When the task was run again here without a manager, oldest first: nanoseconds since the epoch, eight bytes each, little end first.
const ATTEMPTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("attempt");
const PORTS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("ingress_port");
const MANAGERS: TableDefinition<'_, &str, &str> = TableDefinition::new("manager");

/// One change of the journal.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The task is assigned, with this desired state.
    Task(Box<pb::Task>),
    /// The newest status of a task; passed over if the task is not in the journal, or a newer one is.
    Status(String, pb::TaskStatus),
    /// When the task was run again here without a manager, as far as its policy asks.
    Attempts(String, Vec<i64>),
    /// The task is no longer assigned; its container is still to be removed.
    Withdraw(String),
    /// The task's container is gone.
    Forget(String),
    /// All ingress ports of the node.
    Ports(Vec<pb::IngressPort>),
    /// All known managers.
    Managers(Vec<pb::ManagerAddress>),
}

/// What a journal held when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Recalled {
    pub(crate) tasks: Vec<RecalledTask>,
    pub(crate) ports: Vec<pb::IngressPort>,
    pub(crate) managers: Vec<pb::ManagerAddress>,
}

/// One task of an earlier life of the daemon.
#[derive(Debug, PartialEq)]
pub(crate) struct RecalledTask {
    pub(crate) task: pb::Task,
    pub(crate) status: Option<pb::TaskStatus>,
    /// When it was run again without a manager, oldest first, in nanoseconds since the epoch.
    pub(crate) attempts: Vec<i64>,
    /// No longer assigned: only its container is left to remove.
    pub(crate) withdrawn: bool,
}

/// How long an earlier agent of this process may take to let go of the journal: its tasks end a little after it.
const CLOSING: Duration = Duration::from_secs(2);
/// How often that is looked at.
const CLOSING_POLL: Duration = Duration::from_millis(10);

/// A handle on the journal; all handles share one file.
#[derive(Clone)]
pub(crate) struct Journal {
    database: Arc<Database>,
}

impl Journal {
    /// Opens or makes the journal in `directory` and reads all of it.
    pub(crate) async fn open(directory: PathBuf) -> Result<(Journal, Recalled), AgentError> {
        let end = Instant::now() + CLOSING;
        loop {
            let directory = directory.clone();
            let opened = tokio::task::spawn_blocking(move || {
                make_directory(&directory)?;
                let database = open_or_set_aside(&directory.join(FILE))?;
                let recalled = recall(&database)?;
                Ok((Journal { database: Arc::new(database) }, recalled))
            });
            match opened.await.map_err(|_| AgentError::JournalThread)? {
                Err(AgentError::JournalInUse { .. }) if Instant::now() < end => {
                    tokio::time::sleep(CLOSING_POLL).await;
                }
                settled => return settled,
            }
        }
    }

    /// Writes all entries in one transaction. It is on disk when this returns, except where the batch only
    /// holds statuses of tasks under way, which the container itself would tell again.
    pub(crate) async fn write(&self, entries: Vec<Entry>) -> Result<(), AgentError> {
        let database = Arc::clone(&self.database);
        let written = tokio::task::spawn_blocking(move || write(&database, &entries));
        Ok(written.await.map_err(|_| AgentError::JournalThread)??)
    }
}

fn make_directory(directory: &Path) -> Result<(), AgentError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| AgentError::StateDir { path: directory.to_owned(), source })
}

fn open_or_set_aside(path: &Path) -> Result<Database, AgentError> {
    match open(path) {
        Ok(database) => Ok(database),
        Err(DatabaseError::DatabaseAlreadyOpen) => Err(AgentError::JournalInUse { path: path.to_owned() }),
        Err(error) => {
            let aside = path.with_extension("redb.broken");
            tracing::warn!(%error, aside = %aside.display(), "worker journal cannot be read, begins anew");
            std::fs::rename(path, &aside)
                .map_err(|source| AgentError::StateDir { path: path.to_owned(), source })?;
            Ok(open(path).map_err(redb::Error::from)?)
        }
    }
}

fn open(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path)
}

fn write(database: &Database, entries: &[Entry]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // No quick repair, which costs a second sync with each commit: so small a file is repaired in no time.
    if !entries.iter().any(must_last) {
        transaction.set_durability(Durability::None)?;
    }
    {
        let mut tasks = transaction.open_table(TASKS)?;
        let mut statuses = transaction.open_table(STATUSES)?;
        let mut attempts = transaction.open_table(ATTEMPTS)?;
        let mut withdrawn = transaction.open_table(WITHDRAWN)?;
        let mut ports = transaction.open_table(PORTS)?;
        let mut managers = transaction.open_table(MANAGERS)?;
        for entry in entries {
            match entry {
                Entry::Task(task) => {
                    tasks.insert(task.id.as_str(), task.encode_to_vec().as_slice())?;
                }
                Entry::Status(id, status) => {
                    let known = statuses.get(id.as_str())?;
                    let known = known.and_then(|value| pb::TaskStatus::decode(value.value()).ok());
                    let is_old = known.is_some_and(|known| progress(&known) > progress(status));
                    if !is_old && tasks.get(id.as_str())?.is_some() {
                        statuses.insert(id.as_str(), status.encode_to_vec().as_slice())?;
                    }
                }
                Entry::Attempts(id, times) => {
                    let bytes: Vec<u8> = times.iter().flat_map(|at| at.to_le_bytes()).collect();
                    attempts.insert(id.as_str(), bytes.as_slice())?;
                }
                Entry::Withdraw(id) => {
                    withdrawn.insert(id.as_str(), ())?;
                }
                Entry::Forget(id) => {
                    withdrawn.remove(id.as_str())?;
                    tasks.remove(id.as_str())?;
                    statuses.remove(id.as_str())?;
                    attempts.remove(id.as_str())?;
                }
                Entry::Ports(all) => {
                    ports.retain(|_, _| false)?;
                    for (index, port) in (0_u32..).zip(all) {
                        ports.insert(index, port.encode_to_vec().as_slice())?;
                    }
                }
                Entry::Managers(all) => {
                    managers.retain(|_, _| false)?;
                    for manager in all {
                        managers.insert(manager.node_id.as_str(), manager.addr.as_str())?;
                    }
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn must_last(entry: &Entry) -> bool {
    match entry {
        // A status of a later attempt stands over a terminal one: losing it would end a task that runs.
        Entry::Status(_, status) => is_terminal(status.state()) || status.attempt > 0,
        Entry::Task(_)
        | Entry::Attempts(..)
        | Entry::Withdraw(_)
        | Entry::Forget(_)
        | Entry::Ports(_)
        | Entry::Managers(_) => true,
    }
}

fn recall(database: &Database) -> Result<Recalled, redb::Error> {
    let mut recalled = Recalled::default();
    let read = database.begin_read()?;
    let tasks = match read.open_table(TASKS) {
        Ok(tasks) => tasks,
        // A new file: nothing was ever written.
        Err(TableError::TableDoesNotExist(_)) => return Ok(recalled),
        Err(error) => return Err(error.into()),
    };
    let statuses = read.open_table(STATUSES)?;
    let withdrawn = read.open_table(WITHDRAWN)?;
    let attempts = match read.open_table(ATTEMPTS) {
        Ok(attempts) => Some(attempts),
        // Written by a daemon that did not keep them.
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    for row in tasks.iter()? {
        let (id, value) = row?;
        let Ok(task) = pb::Task::decode(value.value()) else { continue };
        let status = statuses.get(id.value())?;
        let status = status.and_then(|value| pb::TaskStatus::decode(value.value()).ok());
        let withdrawn = withdrawn.get(id.value())?.is_some();
        let attempts = match &attempts {
            Some(attempts) => attempts.get(id.value())?.map_or_else(Vec::new, |value| times(value.value())),
            None => Vec::new(),
        };
        recalled.tasks.push(RecalledTask { task, status, attempts, withdrawn });
    }
    for row in read.open_table(PORTS)?.iter()? {
        recalled.ports.extend(pb::IngressPort::decode(row?.1.value()));
    }
    for row in read.open_table(MANAGERS)?.iter()? {
        let (node_id, addr) = row?;
        let manager = pb::ManagerAddress { node_id: node_id.value().into(), addr: addr.value().into() };
        recalled.managers.push(manager);
    }
    Ok(recalled)
}

fn times(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks_exact(8).filter_map(|at| at.try_into().ok().map(i64::from_le_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarm_api::pb::TaskState;

    fn task(id: &str) -> pb::Task {
        pb::Task { id: id.into(), ..Default::default() }
    }

    fn boxed(id: &str) -> Box<pb::Task> {
        Box::new(task(id))
    }

    fn status(state: TaskState) -> pb::TaskStatus {
        pb::TaskStatus { state: state as i32, ..Default::default() }
    }

    #[tokio::test]
    async fn one_that_is_just_being_let_go_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (first, _) = Journal::open(directory.path().join("worker")).await.unwrap();
        let second = tokio::spawn(Journal::open(directory.path().join("worker")));
        tokio::time::sleep(5 * CLOSING_POLL).await;
        assert!(!second.is_finished(), "the first still has it");
        drop(first);
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_opening_again() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, recalled) = Journal::open(directory.path().join("worker")).await.unwrap();
        assert!(recalled.tasks.is_empty());
        let manager = pb::ManagerAddress { node_id: "m".into(), addr: "127.0.0.1:2377".into() };
        let entries = vec![
            Entry::Task(boxed("a")),
            Entry::Task(boxed("b")),
            Entry::Status("a".into(), status(TaskState::Failed)),
            Entry::Status("gone".into(), status(TaskState::Failed)),
            Entry::Attempts("a".into(), vec![1, i64::MAX]),
            Entry::Attempts("b".into(), vec![2]),
            Entry::Forget("b".into()),
            Entry::Task(boxed("c")),
            Entry::Withdraw("c".into()),
            Entry::Ports(vec![pb::IngressPort { service_id: "s".into(), ..Default::default() }]),
            Entry::Managers(vec![manager.clone()]),
        ];
        journal.write(entries).await.unwrap();
        drop(journal);
        let (_, recalled) = Journal::open(directory.path().join("worker")).await.unwrap();
        let failed = Some(status(TaskState::Failed));
        let expected = [
            RecalledTask { task: task("a"), status: failed, attempts: vec![1, i64::MAX], withdrawn: false },
            RecalledTask { task: task("c"), status: None, attempts: Vec::new(), withdrawn: true },
        ];
        assert_eq!(recalled.tasks, expected);
        assert_eq!(recalled.ports.len(), 1);
        assert_eq!(recalled.managers, [manager]);
    }

    #[tokio::test]
    async fn a_status_never_replaces_a_newer_one() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(directory.path().to_owned()).await.unwrap();
        let again = pb::TaskStatus { attempt: 1, ..status(TaskState::Preparing) };
        let entries = vec![Entry::Task(boxed("a")), Entry::Status("a".into(), again.clone())];
        journal.write(entries).await.unwrap();
        journal.write(vec![Entry::Status("a".into(), status(TaskState::Failed))]).await.unwrap();
        drop(journal);
        let (_, recalled) = Journal::open(directory.path().to_owned()).await.unwrap();
        assert_eq!(recalled.tasks[0].status, Some(again));
    }

    #[tokio::test]
    async fn a_second_opener_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _held = Journal::open(directory.path().to_owned()).await.unwrap();
        let error = Journal::open(directory.path().to_owned()).await.err().unwrap();
        assert!(matches!(error, AgentError::JournalInUse { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_journal_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), b"not a journal at all").unwrap();
        let (_, recalled) = Journal::open(directory.path().to_owned()).await.unwrap();
        assert!(recalled.tasks.is_empty());
        assert!(directory.path().join("worker.redb.broken").exists());
    }
}
