//! The file: its tables, what is in them, and how they are read.

use std::io;
use std::ops::Range;
use std::path::Path;

use prost::Message;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use swarm_api::pb;

use crate::raft::convert;
use crate::raft::types::{Entry, LogId, Vote};

/// Entries by index; the value is an encoded `LogEntry`.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// What there is one of; the value is an encoded message.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// `RaftVote`: what this member has voted for. Durable before it is told to anybody.
pub(super) const VOTE: &str = "vote";
/// `LogId` of the last entry that was purged.
pub(super) const PURGED: &str = "purged";
/// `RaftMember`: who this member is.
pub(super) const MEMBER: &str = "member";

/// redb's page cache. What is read often is in our own tail, so it has to hold little more than inner pages.
const CACHE_BYTES: usize = 1024 * 1024;

/// The open file.
pub(crate) struct LogFile {
    pub(super) database: Database,
}

/// Any of redb's errors as one of input and output.
pub(super) fn failed(error: impl Into<redb::Error>) -> io::Error {
    match error.into() {
        redb::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

impl LogFile {
    /// Opens the file, or makes an empty one. A second process is refused.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(failed)?;
        Ok(Self { database })
    }

    /// Which member this log is of; none before it was founded.
    pub(crate) fn member(&self) -> io::Result<Option<pb::RaftMember>> {
        self.meta(MEMBER)
    }

    /// Says once which member this log is of.
    pub(crate) fn set_member(&self, member: &pb::RaftMember) -> io::Result<()> {
        let transaction = self.database.begin_write().map_err(failed)?;
        {
            let mut meta = transaction.open_table(META).map_err(failed)?;
            meta.insert(MEMBER, member.encode_to_vec().as_slice()).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    pub(super) fn vote(&self) -> io::Result<Option<Vote>> {
        Ok(self.meta(VOTE)?.map(convert::vote))
    }

    pub(super) fn purged(&self) -> io::Result<Option<LogId>> {
        Ok(self.meta(PURGED)?.map(convert::log_id))
    }

    /// The id of the last entry.
    pub(super) fn last(&self) -> io::Result<Option<LogId>> {
        let transaction = self.read()?;
        let Some(log) = existing(transaction.open_table(LOG))? else { return Ok(None) };
        let last = log.last().map_err(failed)?;
        last.map(|(_, bytes)| decode(bytes.value()).map(|entry| entry.log_id)).transpose()
    }

    /// The entries of these indices that are in the file.
    pub(super) fn entries(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        let transaction = self.read()?;
        let Some(log) = existing(transaction.open_table(LOG))? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for row in log.range(range).map_err(failed)? {
            entries.push(decode(row.map_err(failed)?.1.value())?);
        }
        Ok(entries)
    }

    fn read(&self) -> io::Result<ReadTransaction> {
        self.database.begin_read().map_err(failed)
    }

    fn meta<M: Message + Default>(&self, key: &str) -> io::Result<Option<M>> {
        let transaction = self.read()?;
        let Some(meta) = existing(transaction.open_table(META))? else { return Ok(None) };
        let row = meta.get(key).map_err(failed)?;
        row.map(|bytes| M::decode(bytes.value()).map_err(corrupt)).transpose()
    }
}

/// A table that was never written to does not exist yet.
fn existing<T>(table: Result<T, TableError>) -> io::Result<Option<T>> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn decode(bytes: &[u8]) -> io::Result<Entry> {
    let message = pb::LogEntry::decode(bytes).map_err(corrupt)?;
    convert::entry(message).map_err(corrupt)
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
