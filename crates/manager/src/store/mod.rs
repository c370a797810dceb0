//! The replicated state: objects, views, transactions, events.
//!
//! Inputs are transactions, committed in log order by `raft` (or taken as they come by [`in_memory`] in tests). Outputs are
//! [`View`]s and [`Event`]s. There is one path into the state, [`apply()`], which is pure: it reads no clock, does no IO, and
//! decides by the versions that a transaction carries. Nothing here knows of consensus, networks or disks.

mod apply;
pub mod encode;
mod event;
mod index;
mod load;
mod memory;
mod object;
mod proposer;
mod published;
mod state;
mod transaction;
mod tree;

#[cfg(test)]
mod tests;

pub(crate) use apply::restore;
pub use apply::{Refused, apply};
pub use event::{Change, Event, Notice, Subscription};
pub(crate) use load::Load;
pub use memory::in_memory;
pub use object::{Kind, Object};
pub(crate) use proposer::Proposal;
pub use proposer::{Applied, ProposeError, Proposer};
pub(crate) use published::Publisher;
pub use published::Store;
pub use state::{State, View};
pub use transaction::{Action, MAX_ACTIONS, MAX_TRANSACTION_BYTES, Transaction};
#[cfg(test)]
pub(crate) use tree::reads;
