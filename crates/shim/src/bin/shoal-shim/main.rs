//! `shoal-shim DIR`: one per container. Its parent, its streams, its log and its exit code.
//!
//! In: `DIR/shim.json`, `DIR/config.json`; requests on `DIR/shim.sock`. Out: one answer on standard output when the
//! container exists, the log, `DIR/exit.json`. One thread, one poll loop, buffers that are given back: there are as many of these
//! as containers. It outlives the daemon, and the container does not outlive it.

mod connection;
mod create;
mod dialog;
mod exec;
mod exec_request;
mod execs;
mod foreign;
mod freeze;
mod health;
mod input;
mod log;
mod output;
mod process;
mod serve;
mod serve_exec;
mod serve_health;
mod setup;
mod shim;
mod streams;
mod time;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use ::shim::{ErrorKind, Response};

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == log::SQUEEZE) {
        return log::squeeze(std::env::args().skip(2));
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == log::WRITE_LOG) {
        return log::write_log(std::env::args().skip(2));
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == foreign::INIT) {
        return foreign::run_init(std::env::args_os().skip(2));
    }
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        let _ = writeln!(std::io::stderr(), "usage: shoal-shim DIR");
        return ExitCode::FAILURE;
    };
    let outcome = setup::seal().and_then(|()| setup::detach(&dir)).and_then(|()| shim::Shim::create());
    match outcome {
        Ok(mut shim) => {
            let created = Response::Created { pid: shim.pid() };
            // The daemon may be dead already; it finds this container by its socket then.
            let _ = setup::announce(&created);
            serve::run(&mut shim);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _ = setup::announce(&failure.response());
            ExitCode::FAILURE
        }
    }
}

/// Why there is no container.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file of the directory, or of the log.
    #[error("{0}: {1}")]
    File(&'static str, std::io::Error),
    /// The log cannot be opened, or its server reached.
    #[error("{0}")]
    Log(std::io::Error),
    /// Another OCI runtime refused.
    #[error("{message}")]
    Foreign {
        /// In its words.
        message: String,
        /// The exit code that Docker makes of them.
        exit_code: i32,
    },
    /// The configuration is for another version.
    #[error("shim.json has version {found}, this shim speaks {}", ::shim::VERSION)]
    Version {
        /// In the file.
        found: u32,
    },
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
}

impl Failure {
    pub(crate) fn response(&self) -> Response {
        let kind = match self {
            Failure::File(..) | Failure::Log(_) | Failure::Foreign { .. } => ErrorKind::Internal,
            Failure::Version { .. } => ErrorKind::Invalid,
            Failure::Runtime(error) => kind(error.kind()),
        };
        let exit_code = self.exit_code();
        Response::Error { kind, message: self.to_string(), exit_code }
    }

    /// The exit code of a container that failed so to start.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Failure::Foreign { exit_code, .. } => *exit_code,
            Failure::Runtime(error) => error.exit_code(),
            Failure::File(..) | Failure::Log(_) | Failure::Version { .. } => runtime::EXIT_FAILED,
        }
    }
}

fn kind(kind: runtime::ErrorKind) -> ErrorKind {
    match kind {
        runtime::ErrorKind::Invalid => ErrorKind::Invalid,
        runtime::ErrorKind::NotFound => ErrorKind::NotFound,
        runtime::ErrorKind::NotImplemented => ErrorKind::NotImplemented,
        runtime::ErrorKind::Conflict => ErrorKind::Conflict,
        runtime::ErrorKind::Internal => ErrorKind::Internal,
    }
}
