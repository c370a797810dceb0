//! The end of the log in memory: what is not on disk yet, and the last of what is.

use std::collections::VecDeque;
use std::ops::Range;

use crate::raft::types::{Entry, LogId, Payload};

/// So many bytes of entries are kept after they are on disk: what is applied or sent next is usually among them.
const KEPT_BYTES: usize = 512 * 1024;
/// What an entry costs besides its payload.
const ENTRY_BYTES: usize = 96;

/// A run of entries without gaps that ends where the log ends.
#[derive(Debug, Default)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The greatest index that is on disk.
    flushed: u64,
}

impl Tail {
    /// Adds an entry at the end of the log.
    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += size(&entry);
        self.entries.push_back(entry);
    }

    /// Everything up to this index is on disk: what is over the limit can go.
    pub(super) fn flushed(&mut self, index: u64) {
        self.flushed = self.flushed.max(index);
        while self.bytes > KEPT_BYTES
            && self.entries.front().is_some_and(|entry| entry.log_id.index <= self.flushed)
        {
            self.pop_front();
        }
    }

    /// Drops everything after this index. What is written there next is not on disk, whatever was before.
    pub(super) fn truncate_after(&mut self, index: Option<u64>) {
        while self.entries.back().is_some_and(|entry| index.is_none_or(|index| entry.log_id.index > index)) {
            if let Some(entry) = self.entries.pop_back() {
                self.bytes -= size(&entry);
            }
        }
        self.flushed = self.flushed.min(index.unwrap_or(0));
    }

    /// Drops everything up to this index, inclusive.
    pub(super) fn purge(&mut self, index: u64) {
        while self.entries.front().is_some_and(|entry| entry.log_id.index <= index) {
            self.pop_front();
        }
    }

    /// The first index that is here; the ones before are only on disk.
    pub(super) fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.log_id.index)
    }

    pub(super) fn last(&self) -> Option<LogId> {
        self.entries.back().map(|entry| entry.log_id)
    }

    /// The entry of this index, if it is here.
    pub(super) fn get(&self, index: u64) -> Option<&Entry> {
        let offset = index.checked_sub(self.first()?)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// Those of these indices that are here.
    pub(super) fn range(&self, range: Range<u64>) -> impl Iterator<Item = &Entry> {
        range.map_while(|index| self.get(index))
    }

    fn pop_front(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= size(&entry);
        }
    }
}

pub(super) fn size(entry: &Entry) -> usize {
    ENTRY_BYTES
        + match &entry.payload {
            Payload::Normal(command) => command.0.len(),
            Payload::Blank | Payload::Membership(_) => 0,
        }
}
