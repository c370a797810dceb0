//! Why a command failed, and the exit code that says so.
//!
//! `Display` is what the user reads, one sentence, in Docker's wording where scripts match it.

use thiserror::Error;

use crate::client::HostError;
use crate::flag::FlagError;
use crate::format::template::TemplateError;

/// Any failure of a command.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The daemon is not there.
    #[error("cannot connect to the shoal daemon at {host}. Is shoald running?")]
    Connect { host: String, source: std::io::Error },
    /// The socket is there, but not for this user.
    #[error(
        "permission denied while trying to connect to the shoal daemon at {host}: join the socket's group or use sudo"
    )]
    Permission { host: String },
    /// TLS could not be set up or agreed on.
    #[error("cannot speak TLS with the shoal daemon at {host}: {reason}")]
    Tls { host: String, reason: String },
    /// The daemon's address makes no sense.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The daemon refused.
    #[error("Error response from daemon: {message}")]
    Daemon { status: u16, message: String },
    /// A stream of the daemon ended with an error inside.
    #[error("{message}")]
    Stream { message: String },
    /// What the daemon sent is not what it should send.
    #[error("unexpected answer of the daemon to {what}: {reason}")]
    Answer { what: String, reason: String },
    /// The connection broke.
    #[error("error during connect: {what}: {source}")]
    Http { what: String, source: hyper::Error },
    /// The value of a flag or an argument is wrong.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// Arguments that do not fit each other, or a request that makes no sense: said in one sentence.
    #[error("{0}")]
    Usage(String),
    /// The flags of a container do not fit each other.
    #[error("{0}")]
    Options(String),
    /// A template of `--format` is wrong.
    #[error("failed to use the template: {0}")]
    Template(#[from] TemplateError),
    /// A file could not be read or written.
    #[error("open {path}: {}", crate::flag::file::reason(source))]
    File { path: String, source: std::io::Error },
    /// Standard output or input broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A service did not become what it should be.
    #[error("{0}")]
    NotConverged(String),
    /// The user would not wait for the container.
    #[error("got 3 SIGTERM/SIGINTs, forcefully exiting")]
    Interrupted,
    /// Some of several objects failed; each was told where it happened.
    #[error("")]
    Told,
}

impl Error {
    /// What is wrong with the flags of a container, as that.
    pub(crate) fn of_options(self) -> Self {
        match self {
            error @ (Self::Usage(_) | Self::Flag(_)) => Self::Options(error.to_string()),
            error => error,
        }
    }

    /// Whether the daemon says that there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Daemon { status: 404, .. })
    }
}

/// Exit codes with a meaning, those of Docker.
pub(crate) mod code {
    /// Any failure but the following.
    pub(crate) const FAILURE: u8 = 1;
    /// A wrong flag, or `run` failed before the container's command.
    pub(crate) const RUN: u8 = 125;
    /// The container's command cannot be executed.
    pub(crate) const NOT_EXECUTABLE: u8 = 126;
    /// The container's command does not exist.
    pub(crate) const NOT_FOUND: u8 = 127;
    /// Nobody reads our output any more: what the shell shows for a process ended by SIGPIPE.
    pub(crate) const BROKEN_PIPE: u8 = 141;
}
