//! The durable Raft log, in one redb file.
//!
//! Writes go to a thread of their own, which takes everything that waits for it into one transaction: that is the group
//! commit. An entry counts as written when that transaction is on disk (`IOFlushed`), and is readable at once, from the
//! tail kept in memory. A crash between two transactions leaves the earlier one; redb never shows half of one.
//!
//! Entries are sealed ([`row`]). A file that has lost what was acknowledged is not opened ([`check`], [`mark`]).

mod check;
mod file;
mod mark;
mod migrate;
mod reader;
mod row;
mod storage;
mod tail;
mod writer;

pub(crate) use check::{Salvaged, salvage};
pub(crate) use file::LogFile;
pub(crate) use storage::LogStore;
