//! Why a manager could not be made, started, or go on.

use std::io;

use swarm_api::tls::{ConfigError, IdentityError, KeyError};
use thiserror::Error;

use crate::ca::AuthorityError;
use crate::leader::LoopEnded;
use crate::raft::ConsensusError;
use crate::seal::SealError;

/// A manager cannot be made, or has ended by a failure.
#[derive(Debug, Error)]
pub enum ManagerError {
    /// Consensus or its storage.
    #[error(transparent)]
    Consensus(#[from] ConsensusError),
    /// One of the leader's loops ended.
    #[error(transparent)]
    Loop(#[from] LoopEnded),
    /// The server of its rpcs.
    #[error(transparent)]
    Serve(#[from] swarm_api::channel::ServeError),
    /// Certificates.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The node's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The node's certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] ConfigError),
    /// The keys of what is on disk.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A cluster is to be made of what has no cluster in it.
    #[error("there is no cluster to recover: neither a snapshot nor the log has one")]
    NothingLeft,
    /// Directories, threads, sockets.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A part that runs until it is stopped has ended by itself.
    #[error("manager: the {0} ended")]
    Ended(&'static str),
}
