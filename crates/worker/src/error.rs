//! Errors of the worker as a whole.

use std::path::PathBuf;

/// What a caller may do about an [`AgentError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Someone else holds the journal.
    Conflict,
    /// Try again later.
    Unavailable,
    /// Nothing a caller can do.
    Internal,
}

/// Why an agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The directory of the journal could not be made.
    #[error("make the worker's state directory {path}: {source}")]
    StateDir {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Another process has the journal open.
    #[error("the worker's journal {path} is in use by another process")]
    JournalInUse {
        /// The file.
        path: PathBuf,
    },
    /// The journal could not be read or written.
    #[error("worker journal: {0}")]
    Journal(#[from] redb::Error),
    /// The thread that serves the journal was lost.
    #[error("worker journal: its thread was lost")]
    JournalThread,
}

impl AgentError {
    /// What a caller may do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            AgentError::JournalInUse { .. } => ErrorKind::Conflict,
            AgentError::StateDir { .. } => ErrorKind::Unavailable,
            AgentError::Journal(_) | AgentError::JournalThread => ErrorKind::Internal,
        }
    }
}
