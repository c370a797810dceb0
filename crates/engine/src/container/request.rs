//! What is asked of a container and what comes back: the arguments and answers of [`super::Containers`].

use std::time::Duration;

/// The answer to a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The new container's id.
    pub id: String,
    /// What the user should know about the spec.
    pub warnings: Vec<String>,
}

/// How to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// The signal by name or number; `None` means the container's own.
    pub signal: Option<String>,
    /// How long until SIGKILL; `None` means the container's own.
    pub timeout: Option<StopTimeout>,
}

/// How long a container has between the stop signal and SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopTimeout {
    /// So long.
    After(Duration),
    /// For ever: SIGKILL is never sent.
    Never,
}

impl StopTimeout {
    /// Docker's notation: seconds, negative for never.
    pub fn from_seconds(seconds: i64) -> StopTimeout {
        u64::try_from(seconds)
            .map_or(StopTimeout::Never, |seconds| StopTimeout::After(Duration::from_secs(seconds)))
    }
}

/// How to remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Whether a running container is killed first.
    pub force: bool,
    /// Whether its anonymous volumes go with it.
    pub volumes: bool,
}

/// What to wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// That it does not run, which may be so already.
    #[default]
    NotRunning,
    /// The next end of its process.
    NextExit,
    /// That it is gone.
    Removed,
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitResult {
    /// The exit code.
    pub code: i32,
    /// Why the process could not be started, if so; else empty.
    pub error: String,
}

/// What of a container's streams to attach to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// Whether what the client sends becomes the process's input.
    pub stdin: bool,
    /// Whether its output is wanted.
    pub stdout: bool,
    /// Whether its error output is wanted.
    pub stderr: bool,
    /// Whether the log so far comes first.
    pub logs: bool,
    /// Whether what is written from now on is wanted.
    pub stream: bool,
}

/// Which lines of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Lines of standard output.
    pub stdout: bool,
    /// Lines of standard error.
    pub stderr: bool,
    /// Whether to go on with what is written until the process ends.
    pub follow: bool,
    /// Only so many of the last lines; `None` means all.
    pub tail: Option<usize>,
    /// Only lines from then on, nanoseconds since the epoch.
    pub since_ns: Option<i64>,
    /// Only lines until then, nanoseconds since the epoch.
    pub until_ns: Option<i64>,
    /// Whether each line starts with its time.
    pub timestamps: bool,
    /// Whether each line starts with the container's labels and variables that its log driver was told to keep.
    pub details: bool,
}
