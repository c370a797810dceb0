//! Consensus: the log, its storage, snapshots, leadership. Only this module names the consensus library.
//!
//! Inputs: proposals, the directory of this member, and the calls of the others. Outputs: the store's views and events (by
//! way of `store::apply`), who leads, and calls to the others. Runs on threads of its own, so that no planning or unpacking elsewhere starves it.

mod append;
mod compact;
mod consensus;
mod convert;
mod group;
mod join;
mod leadership;
mod log;
mod machine;
mod network;
mod peer;
mod propose;
mod refound;
mod send;
mod server;
mod snapshot;
mod transfer;
mod types;
mod wire;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;

pub use consensus::ConsensusError;
pub(crate) use consensus::{Compactor, Consensus, Founding, Outside, ReadError, Reader};
#[cfg(test)]
pub(crate) use group::Standing;
pub(crate) use group::{ChangeError, Group, Roster};
pub(crate) use leadership::Leadership;
pub(crate) use refound::{Recovered, Refounding, read_state, recover, refound, write_state};
pub(crate) use server::RaftServer;
pub(crate) use types::Member;
