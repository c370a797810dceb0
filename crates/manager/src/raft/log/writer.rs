//! The thread that writes: one redb transaction for all that waits, then all answers.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use openraft::storage::IOFlushed;
use redb::WriteTransaction;
use tokio::sync::{mpsc, oneshot};

use super::file::{LOG, LogFile, META, PURGED, VOTE, failed};
use super::row;
use super::tail::Tail;
use crate::raft::snapshot;
use crate::raft::types::Types;
use crate::seal::Keyring;

/// Writes that may wait; who asks for more waits.
pub(super) const QUEUE: usize = 512;
/// At most so many writes go into one transaction.
const MAX_BATCH: usize = 256;

/// One change of the file.
pub(super) enum Write {
    /// Encoded entries, in order.
    Append { rows: Vec<Row>, done: Done },
    /// The encoded vote.
    Vote { bytes: Vec<u8>, done: Done },
    /// Removes what is after this index (all, when there is none).
    Truncate { after: Option<u64>, done: Done },
    /// Removes what is up to this index, and notes the encoded id.
    Purge { upto: u64, bytes: Vec<u8>, done: Done },
}

/// An entry as it is to be written.
pub(super) struct Row {
    pub(super) index: u64,
    pub(super) term: u64,
    /// The encoded `LogEntry`.
    pub(super) entry: Vec<u8>,
}

/// Whom to tell that a change is on disk.
pub(super) enum Done {
    Raft(IOFlushed<Types>),
    Caller(oneshot::Sender<io::Result<()>>),
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Self::Raft(callback) => callback.io_completed(result),
            // Who asked may have stopped waiting.
            Self::Caller(caller) => drop(caller.send(result)),
        }
    }
}

/// Starts the thread. It ends when the last sender is gone, after writing what was sent.
pub(super) fn start(
    file: Arc<LogFile>,
    tail: Arc<Mutex<Tail>>,
) -> io::Result<(mpsc::Sender<Write>, JoinHandle<()>)> {
    let (sender, mut queue) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new().name("raft-log".to_owned()).spawn(move || {
        let mut batch = Vec::new();
        while queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            let last = batch.iter().filter_map(last_row).max();
            let (writes, waiting): (Vec<_>, Vec<_>) = batch.drain(..).map(split).unzip();
            let result = commit(&file, &writes);
            match (&result, last) {
                (Ok(()), Some(last)) => tail.lock().unwrap_or_else(PoisonError::into_inner).flushed(last),
                (Ok(()), None) => {}
                (Err(error), _) => tracing::error!(%error, "cannot write the raft log"),
            }
            for done in waiting {
                done.tell(clone_result(&result));
            }
            if result.is_ok() && writes.iter().any(|change| matches!(change, Change::Purge(..))) {
                forget_keys(&file);
            }
        }
        if let Err(error) = file.sync_mark() {
            tracing::warn!(%error, "the raft log's mark may not be on disk");
        }
    })?;
    Ok((sender, thread))
}

/// What is to be done, without whom to tell.
enum Change {
    Append(Vec<Row>),
    Vote(Vec<u8>),
    Truncate(Option<u64>),
    Purge(u64, Vec<u8>),
}

fn split(write: Write) -> (Change, Done) {
    match write {
        Write::Append { rows, done } => (Change::Append(rows), done),
        Write::Vote { bytes, done } => (Change::Vote(bytes), done),
        Write::Truncate { after, done } => (Change::Truncate(after), done),
        Write::Purge { upto, bytes, done } => (Change::Purge(upto, bytes), done),
    }
}

fn last_row(write: &Write) -> Option<u64> {
    match write {
        Write::Append { rows, .. } => rows.last().map(|row| row.index),
        Write::Vote { .. } | Write::Truncate { .. } | Write::Purge { .. } => None,
    }
}

fn commit(file: &LogFile, changes: &[Change]) -> io::Result<()> {
    let last = changes.iter().rev().find_map(last_after);
    file.commit(last, |transaction| {
        changes.iter().try_for_each(|change| write(transaction, &file.keyring, change))
    })
}

/// The log's last entry after a change; none, if that does not say.
fn last_after(change: &Change) -> Option<u64> {
    match change {
        Change::Append(rows) => rows.last().map(|row| row.index),
        Change::Truncate(after) => Some(after.unwrap_or(0)),
        Change::Vote(_) | Change::Purge(..) => None,
    }
}

/// Forgets the keys that only what was purged was sealed under.
fn forget_keys(file: &LogFile) {
    if !file.keyring.has_old() {
        return;
    }
    let used = || {
        let mut used = file.key_ids()?;
        used.extend(snapshot::key_ids(file.directory())?);
        Ok(used)
    };
    if let Err(error) = file.keyring.retain(used) {
        tracing::warn!(%error, "old keys of the raft log are kept");
    }
}

fn write(transaction: &WriteTransaction, keyring: &Keyring, change: &Change) -> io::Result<()> {
    match change {
        Change::Append(rows) => {
            let mut log = transaction.open_table(LOG).map_err(failed)?;
            for Row { index, term, entry } in rows {
                log.insert(index, row::seal(keyring, *index, *term, entry)?.as_slice()).map_err(failed)?;
            }
        }
        Change::Vote(bytes) => {
            let mut meta = transaction.open_table(META).map_err(failed)?;
            meta.insert(VOTE, bytes.as_slice()).map_err(failed)?;
        }
        Change::Truncate(after) => {
            let mut log = transaction.open_table(LOG).map_err(failed)?;
            log.retain_in(after.map_or(0, |after| after + 1).., |_, _| false).map_err(failed)?;
        }
        Change::Purge(upto, bytes) => {
            let mut log = transaction.open_table(LOG).map_err(failed)?;
            log.retain_in(..=*upto, |_, _| false).map_err(failed)?;
            let mut meta = transaction.open_table(META).map_err(failed)?;
            meta.insert(PURGED, bytes.as_slice()).map_err(failed)?;
        }
    }
    Ok(())
}

/// The same result for everybody in the batch.
fn clone_result(result: &io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}
