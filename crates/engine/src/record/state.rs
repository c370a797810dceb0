//! The observed half of a container.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What was observed of a container's process. Times are nanoseconds since the epoch, 0 for never.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Docker's word for where it is.
    pub status: Status,
    /// The first process while it runs, else 0.
    pub pid: u32,
    /// The exit code of the last run, 128+n for a signal.
    pub exit_code: i32,
    /// Why the last start failed.
    pub error: String,
    /// Whether the kernel ended the last run for lack of memory.
    pub oom_killed: bool,
    /// When the last run began.
    pub started_ns: i64,
    /// What its health check has found in the last run; `None` without one.
    pub health: Option<shim::HealthReport>,
    /// When the last run ended.
    pub finished_ns: i64,
}

/// Docker's statuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Never started.
    #[default]
    Created,
    /// Its process lives.
    Running,
    /// Its process is frozen.
    Paused,
    /// Its process ended and the restart policy will start it again.
    Restarting,
    /// It is being removed.
    Removing,
    /// Its process ended.
    Exited,
    /// Its removal failed; only removal is left.
    Dead,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus {
    /// The exit code, 128+n for a signal.
    pub code: i32,
    /// Whether the kernel ended it for lack of memory.
    pub oom_killed: bool,
    /// Whether it was killed because it had been frozen into files.
    pub checkpointed: bool,
    /// When, in nanoseconds since the epoch.
    pub at_ns: i64,
}

impl Status {
    /// Every status, in Docker's order.
    pub const ALL: [Status; 7] = [
        Status::Created,
        Status::Running,
        Status::Paused,
        Status::Restarting,
        Status::Removing,
        Status::Exited,
        Status::Dead,
    ];

    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Restarting => "restarting",
            Status::Removing => "removing",
            Status::Exited => "exited",
            Status::Dead => "dead",
        }
    }

    /// Whether Docker's `State.Running` is true: a process lives, or will again without anyone's doing.
    pub fn is_active(self) -> bool {
        match self {
            Status::Running | Status::Paused | Status::Restarting => true,
            Status::Created | Status::Removing | Status::Exited | Status::Dead => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
