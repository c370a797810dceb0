//! The durable Raft log, in one redb file.
//!
//! Writes go to a thread of their own, which takes everything that waits for it into one transaction: that is the group
//! commit. An entry counts as written when that transaction is on disk (`IOFlushed`), and is readable at once, from the
//! tail kept in memory. A crash between two transactions leaves the earlier one; redb never shows half of one.

mod file;
mod reader;
mod storage;
mod tail;
mod writer;

pub(crate) use file::LogFile;
pub(crate) use storage::LogStore;
