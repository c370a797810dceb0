//! Why a manager could not be made, started, or go on.

use std::io;

use swarm_api::tls::{ConfigError, IdentityError, KeyError};
use thiserror::Error;

use crate::ca::AuthorityError;
use crate::leader::LoopEnded;
use crate::raft::ConsensusError;

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
    /// Directories, threads, sockets.
    #[error("manager: {0}")]
    Io(#[from] io::Error),
    /// A part that runs until it is stopped has ended by itself.
    #[error("manager: the {0} ended")]
    Ended(&'static str),
}
