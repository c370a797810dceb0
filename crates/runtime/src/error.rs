//! Everything that can go wrong in this room, with the words Docker's clients know.

use std::io;
use std::path::PathBuf;

/// Exit code of a container whose program exists but cannot be run.
pub const EXIT_NOT_EXECUTABLE: i32 = 126;
/// Exit code of a container whose program does not exist.
pub const EXIT_NOT_FOUND: i32 = 127;
/// Exit code of a container that failed for any other reason before its program ran.
pub const EXIT_FAILED: i32 = 128;

/// The result of this room's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request (configuration, image) is wrong.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// The configuration asks for something this runtime does not do yet.
    NotImplemented,
    /// The container is not in a state for it.
    Conflict,
    /// The machine refused.
    Internal,
}

/// An error of the runtime.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error("invalid container configuration: {0}")]
    Invalid(String),
    /// The configuration asks for something that does not exist here yet.
    #[error("{0} is not implemented")]
    NotImplemented(&'static str),
    /// A system call on the host side failed.
    #[error("{action}: {source}")]
    Host {
        /// What was being done.
        action: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A system call on a path failed.
    #[error("{action} {}: {source}", path.display())]
    Path {
        /// What was being done.
        action: &'static str,
        /// To which path.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The calling process has several threads, so that it cannot be cloned soundly.
    #[error("a container can only be created by a process with one thread")]
    Threaded,
    /// No usable cgroup hierarchy is mounted.
    #[error("no cgroup hierarchy is mounted at /sys/fs/cgroup")]
    NoCgroup,
    /// A limit for which this machine's cgroups have no control file, which is named.
    #[error("this machine cannot set that limit: its cgroups have no {0}")]
    NoLimit(String),
    /// systemd refused.
    #[error("systemd: {action}: {message} ({name})")]
    Systemd {
        /// What was called.
        action: &'static str,
        /// The name of its error.
        name: String,
        /// Its words.
        message: String,
    },
    /// Preparing the sandbox failed inside the container's process.
    #[error("{message}")]
    Init {
        /// Docker's wording, ready to be shown.
        message: String,
        /// The exit code that the container gets.
        exit_code: i32,
    },
    /// The container has ended, or is about to: nothing can be run in it.
    #[error("the container is not running")]
    NotRunning,
    /// The configuration asks for a label of a security module that this kernel lacks, or has switched off.
    #[error("{0} cannot be set: {1} is not enabled in this kernel")]
    NoSecurityModule(&'static str, &'static str),
    /// The program criu failed.
    #[error("criu {verb}: {reason}")]
    Criu {
        /// What it was to do.
        verb: &'static str,
        /// In its words.
        reason: String,
    },
    /// A hook failed or took too long.
    #[error("the hook {} failed: {why}", path.display())]
    Hook {
        /// Its program.
        path: PathBuf,
        /// How, and what it said.
        why: String,
    },
    /// The container's process died while it was being prepared.
    #[error("the container's first process ended while it was being prepared")]
    InitDied,
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Invalid(_) | Error::NoLimit(_) | Error::NoSecurityModule(..) => ErrorKind::Invalid,
            Error::Init { exit_code, .. } if *exit_code == EXIT_NOT_FOUND => ErrorKind::NotFound,
            Error::Init { .. } => ErrorKind::Invalid,
            Error::NotImplemented(_) => ErrorKind::NotImplemented,
            Error::NotRunning => ErrorKind::Conflict,
            Error::Path { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
            Error::Host { .. }
            | Error::Criu { .. }
            | Error::Hook { .. }
            | Error::Systemd { .. }
            | Error::Path { .. }
            | Error::Threaded
            | Error::NoCgroup
            | Error::InitDied => ErrorKind::Internal,
        }
    }

    /// The exit code that a container gets which failed this way: 126, 127 or 128, as Docker.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Init { exit_code, .. } => *exit_code,
            _ => EXIT_FAILED,
        }
    }

    pub(crate) fn host(action: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Host { action, source }
    }

    pub(crate) fn path<P: Into<PathBuf>>(action: &'static str, path: P) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Path { action, path: path.into(), source }
    }
}
