//! Consensus: the log, its storage, snapshots, leadership. Only this module names the consensus library.
//!
//! Inputs: proposals, and the directory of this member. Outputs: the store's views and events (by way of
//! `store::apply`), and who leads. Runs on threads of its own, so that no planning or unpacking elsewhere starves it.

mod compact;
mod consensus;
mod convert;
mod log;
mod machine;
mod network;
mod propose;
mod refound;
mod snapshot;
mod types;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;

pub use consensus::ConsensusError;
pub(crate) use consensus::{Compactor, Consensus, Founding, Leadership, ReadError, Reader};
pub(crate) use refound::{Recovered, Refounding, read_state, recover, refound, write_state};
