//! The requests of the engine and the answers of a shim.

use serde::{Deserialize, Serialize};

use crate::{CheckpointSpec, ExecSpec, ExecState, HealthReport};

/// What the engine asks. One at a time per connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Run the container's program. Answer: `Started` or `Error`.
    Start,
    /// Send a signal to the first process, or to every process of the container.
    Signal {
        /// The signal's number.
        signal: i32,
        /// To all processes.
        #[serde(default)]
        all: bool,
    },
    /// Set the size of the pseudo-terminal.
    Resize {
        /// Lines.
        rows: u16,
        /// Characters per line.
        cols: u16,
    },
    /// Close standard input once what was sent to it is written.
    CloseStdin,
    /// Answer: `State`.
    State,
    /// Answer: `Exited`, when the container has ended and its output is in the log.
    Wait,
    /// After `Ok` the connection carries streams: from the shim Docker's frames (eight bytes of header: stream 1
    /// or 2, three zeros, big-endian length; with a pseudo-terminal all of it is stream 1), to the shim raw standard input, whose
    /// end is a half-close.
    Attach {
        /// What the client sends is standard input.
        stdin: bool,
        /// Send standard output.
        stdout: bool,
        /// Send standard error.
        stderr: bool,
    },
    /// Run an additional process. After `Started` the connection carries streams as after [`Request::Attach`], and at
    /// last one frame of [`crate::EXIT_STREAM`]. The process outlives the connection.
    Exec(ExecSpec),
    /// Send a signal to an additional process.
    ExecSignal {
        /// Its id.
        id: String,
        /// The signal's number.
        signal: i32,
    },
    /// Set the size of an additional process' pseudo-terminal.
    ExecResize {
        /// Its id.
        id: String,
        /// Lines.
        rows: u16,
        /// Characters per line.
        cols: u16,
    },
    /// Answer: `Exited`, when the additional process has ended.
    ExecWait {
        /// Its id.
        id: String,
    },
    /// Answer: `Health`, when a result has come since the one with this number; at once without one.
    Health {
        /// [`HealthReport::sequence`] of what is known.
        #[serde(default)]
        after: Option<u64>,
    },
    /// Freeze the container into files. Answer: `Ok` when they are written, before the container's end is told.
    Checkpoint(CheckpointSpec),
    /// In place of `Start` for a container with [`crate::ShimSpec::restore`]: bring its processes back. Answer: `Started` or
    /// `Error`.
    Restore {
        /// It has the address that it had, so that its connections may go on.
        same_address: bool,
    },
    /// Answer: `Execs`: all that run, and the last of those that have ended.
    ExecList,
}

/// What a shim answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum Response {
    /// The container exists, its program does not run yet. First message, on standard output.
    Created {
        /// First process, in the host's numbering.
        pid: i32,
    },
    /// The program runs.
    Started {
        /// First process, in the host's numbering.
        pid: i32,
    },
    /// Done.
    Ok,
    /// Answer to [`Request::State`].
    State(State),
    /// Answer to [`Request::Wait`] and [`Request::ExecWait`].
    Exited(ExitStatus),
    /// Answer to [`Request::Health`].
    Health(HealthReport),
    /// Answer to [`Request::ExecList`].
    Execs {
        /// In the order of their start.
        execs: Vec<ExecState>,
    },
    /// It did not work.
    Error {
        /// What can be done about it.
        kind: ErrorKind,
        /// Docker's wording where there is one.
        message: String,
        /// The exit code that a container gets which failed so to start.
        exit_code: i32,
    },
}

/// What can be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request or configuration is wrong.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// The container is not in a state for it.
    Conflict,
    /// Too many connections.
    Exhausted,
    /// Not there yet.
    NotImplemented,
    /// The machine refused.
    Internal,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything is there, the program has not been started.
    Created,
    /// The program runs.
    Running,
    /// It has ended.
    Exited,
}

/// A container as its shim sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where it is in its life.
    pub status: Status,
    /// First process, in the host's numbering.
    pub pid: i32,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
    /// Bytes of log that could not be written, for example to a full disk.
    #[serde(default)]
    pub log_lost_bytes: u64,
    /// Lines that a log driver's server did not take in time, or that had no room in its buffer.
    #[serde(default)]
    pub log_dropped_lines: u64,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitStatus {
    /// Exit code; 128 + n for signal n.
    pub code: i32,
    /// The signal that ended it.
    #[serde(default)]
    pub signal: Option<i32>,
    /// The kernel's out-of-memory killer has ended one of its processes.
    pub oom_killed: bool,
    /// It was killed because it had been frozen into files, and is not to be started afresh by itself.
    #[serde(default)]
    pub checkpointed: bool,
    /// When, in nanoseconds since the epoch.
    pub at_ns: i64,
}
