//! Why a command did not work, in the words that higher runtimes look for.

use std::io;
use std::path::PathBuf;

/// The result of a command.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The id is none.
    #[error("invalid container ID format: {0:?}")]
    Id(String),
    /// There is no such container.
    #[error("container {0:?} does not exist")]
    NotFound(String),
    /// The id is taken.
    #[error("container with id {0:?} exists: container with given ID already exists")]
    Exists(String),
    /// The container's first process has ended or never was.
    #[error("container not running")]
    NotRunning,
    /// There is nothing to resume.
    #[error("container not paused")]
    NotPaused,
    /// It has been started already.
    #[error("{0}")]
    Start(&'static str),
    /// The container is not in a state for it.
    #[error("cannot {action} a container in the {status} state")]
    State {
        /// What was asked for.
        action: &'static str,
        /// As the specification names it.
        status: &'static str,
    },
    /// It has to be stopped first.
    #[error("cannot delete container {id} that is not stopped: {status}")]
    NotStopped {
        /// The container.
        id: String,
        /// As the specification names it.
        status: &'static str,
    },
    /// A terminal and a console socket go together.
    #[error("{0}")]
    Console(&'static str),
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl Failure {
    /// An error of a file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failure {
        move |source| Failure::File { path: path.into(), source }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Runtime(error) => error.exit_code() as u8,
            _ => 1,
        }
    }
}
