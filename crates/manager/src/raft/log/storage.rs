//! What the consensus library asks of a log.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use prost::Message;
use tokio::sync::{mpsc, oneshot};

use super::file::LogFile;
use super::reader::{Bounds, LogReader};
use super::tail::Tail;
use super::writer::{self, Done, Row, Write};
use crate::raft::convert;
use crate::raft::types::{Entry, LogId, Types, Vote};

/// The log as its one writer has it. The writing thread ends with it.
pub(crate) struct LogStore {
    reader: LogReader,
    writes: mpsc::Sender<Write>,
}

impl LogStore {
    /// Reads the bounds of the log and starts the writing thread, which the caller may join after the store is dropped.
    pub(crate) fn new(file: LogFile) -> io::Result<(Self, JoinHandle<()>)> {
        let bounds = Bounds { purged: file.purged()?, last: file.last()?, vote: file.vote()? };
        let reader = LogReader {
            file: Arc::new(file),
            tail: Arc::new(Mutex::new(Tail::default())),
            bounds: Arc::new(Mutex::new(bounds)),
        };
        let (writes, thread) = writer::start(reader.file.clone(), reader.tail.clone())?;
        Ok((Self { reader, writes }, thread))
    }

    fn bounds(&self) -> MutexGuard<'_, Bounds> {
        self.reader.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.reader.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, write: Write) -> io::Result<()> {
        self.writes.send(write).await.map_err(|_| ended())
    }

    /// Sends a change and waits until it is on disk.
    async fn finish(&self, write: impl FnOnce(Done) -> Write) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.send(write(Done::Caller(done))).await?;
        answer.await.map_err(|_| ended())?
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that writes the raft log has ended")
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let bounds = self.bounds();
        let last_purged_log_id = bounds.purged;
        Ok(LogState { last_purged_log_id, last_log_id: bounds.last.or(last_purged_log_id) })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let bytes = convert::vote_to_message(vote).encode_to_vec();
        self.finish(|done| Write::Vote { bytes, done }).await?;
        self.bounds().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut rows = Vec::new();
        {
            let mut tail = self.tail();
            for entry in entries {
                let (index, term) = (entry.log_id.index, entry.log_id.leader_id.term);
                rows.push(Row { index, term, entry: convert::entry_to_message(&entry).encode_to_vec() });
                tail.push(entry);
            }
            if let Some(last) = tail.last() {
                self.bounds().last = Some(last);
            }
        }
        self.send(Write::Append { rows, done: Done::Raft(callback) }).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let after = last.map(|last| last.index);
        {
            let mut bounds = self.bounds();
            bounds.last = bounds.last.min(last).or(bounds.purged);
        }
        self.finish(|done| Write::Truncate { after, done }).await?;
        // Only now: an append that was under way would else count entries as written that take the same indices later.
        self.tail().truncate_after(after);
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.tail().purge(upto.index);
        {
            let mut bounds = self.bounds();
            bounds.purged = Some(upto);
            // After a snapshot from elsewhere was installed, the log may end before it.
            bounds.last = bounds.last.max(Some(upto));
        }
        let bytes = convert::log_id_to_message(&upto).encode_to_vec();
        self.finish(|done| Write::Purge { upto: upto.index, bytes, done }).await
    }
}
