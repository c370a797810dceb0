//! Reading the log: from the tail where it is there, else from the file.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use openraft::{OptionalSend, RaftLogReader};

use super::file::LogFile;
use super::tail::{Tail, size};
use crate::raft::types::{Entry, LogId, Types, Vote};

/// So many entries are read at a time when many are to be applied, as at start.
const CHUNK: u64 = 64;
/// So many bytes of entries go to another member at a time, and one entry more: half of what a message may carry.
const SENT_BYTES: usize = 1024 * 1024;
/// So many entries are read at a time to fill that.
const SENT_CHUNK: u64 = 16;

/// What the log is right now, as its owner and its readers share it.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    pub(super) purged: Option<LogId>,
    pub(super) last: Option<LogId>,
    pub(super) vote: Option<Vote>,
}

/// A handle to read the log.
#[derive(Clone)]
pub(crate) struct LogReader {
    pub(super) file: Arc<LogFile>,
    pub(super) tail: Arc<Mutex<Tail>>,
    pub(super) bounds: Arc<Mutex<Bounds>>,
}

impl LogReader {
    /// The part of a range that the log has.
    fn clamp(&self, range: &impl RangeBounds<u64>) -> Range<u64> {
        let bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let first = bounds.purged.map_or(0, |purged| purged.index + 1);
        let end = end.min(bounds.last.map_or(0, |last| last.index + 1));
        start.max(first)..end
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let (from_tail, first) = {
            let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let first = tail.first().unwrap_or(u64::MAX).clamp(range.start, range.end);
            (tail.range(first..range.end).cloned().collect::<Vec<_>>(), first)
        };
        if first == range.start {
            return Ok(from_tail);
        }
        let mut entries = self.file.entries(range.start..first)?;
        entries.extend(from_tail);
        Ok(entries)
    }
}

impl RaftLogReader<Types> for LogReader {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<Entry>, io::Error>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(self.clamp(&range))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        let mut rest = self.clamp(&(start..end));
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while !rest.is_empty() && bytes < SENT_BYTES {
            let middle = rest.end.min(rest.start + SENT_CHUNK);
            for entry in self.read(rest.start..middle)? {
                bytes += size(&entry);
                entries.push(entry);
                if bytes >= SENT_BYTES {
                    break;
                }
            }
            rest.start = middle;
        }
        Ok(entries)
    }

    async fn entries_stream<R>(
        &mut self,
        range: R,
    ) -> impl Stream<Item = Result<Entry, io::Error>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let reader = self.clone();
        let range = self.clamp(&range);
        let chunks = stream::unfold((reader, range), async |(reader, rest)| {
            if rest.is_empty() {
                return None;
            }
            let middle = rest.end.min(rest.start + CHUNK);
            let chunk = match reader.read(rest.start..middle) {
                Ok(entries) => entries.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            Some((stream::iter(chunk), (reader, middle..rest.end)))
        });
        Box::pin(chunks.flatten())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.bounds.lock().unwrap_or_else(PoisonError::into_inner).vote)
    }
}
