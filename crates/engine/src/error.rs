//! What can go wrong here. The words are Docker's, since its clients match them; the kind becomes the HTTP status, once,
//! in `rest`.

use crate::spec::Invalid;
use std::path::PathBuf;

/// The result of this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No container has this name, id or beginning of an id.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// Several ids begin so.
    #[error("multiple IDs found with provided prefix: {0}")]
    AmbiguousPrefix(String),
    /// The name is another container's.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) \
         that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name.
        name: String,
        /// Whose it is.
        id: String,
    },
    /// A new name that cannot be had.
    #[error("Error when allocating new name: {0}")]
    Rename(Box<Error>),
    /// The spec cannot be honoured.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It runs already: nothing to start.
    #[error("container {0} is already running")]
    AlreadyRunning(String),
    /// It has files in memory, which whoever starts it must bring.
    #[error("container {0} has secrets or configs, and can only be started by the swarm it belongs to")]
    WithoutFiles(String),
    /// A file in memory is to be somebody's whom the container's users do not have.
    #[error("the owner of {} has no number outside of the container", .0.display())]
    FileOwner(PathBuf),
    /// Files in memory cannot be made.
    #[error("{0}")]
    Memory(runtime::Error),
    /// It does not run: nothing to stop.
    #[error("container {0} is already stopped")]
    AlreadyStopped(String),
    /// The request needs a running container.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// A second pause.
    #[error("container {0} is already paused")]
    AlreadyPaused(String),
    /// Streams of a paused container.
    #[error("container {0} is paused, unpause the container before attach")]
    AttachPaused(String),
    /// An end of a pause that there is not.
    #[error("container {0} is not paused")]
    NotPaused(String),
    /// A start of a container that is there, only paused.
    #[error("cannot start a paused container, try unpause instead")]
    StartPaused,
    /// The request needs a running container, and this one is between two runs.
    #[error("container {0} is restarting, wait until the container is running")]
    RestartingNow(String),
    /// A change that contradicts what the container is.
    #[error("Cannot update container {id}: {reason}")]
    Update {
        /// The container.
        id: String,
        /// Docker's sentence.
        reason: &'static str,
    },
    /// A limit that this machine's kernel does not have.
    #[error("this machine's kernel cannot limit it: {0} is missing")]
    NoLimit(String),
    /// An exec in a container that is frozen.
    #[error("container {0} is paused, unpause the container before exec")]
    ExecPaused(String),
    /// No exec has this id.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// An exec without a program.
    #[error("No exec command specified")]
    NoExecCommand,
    /// A second start.
    #[error("Error: Exec command {0} is already running")]
    ExecRunning(String),
    /// A start after the end.
    #[error("Error: Exec command {0} has already run")]
    ExecHasRun(String),
    /// The request needs a running exec.
    #[error("exec {0} is not running")]
    ExecNotRunning(String),
    /// More execs than anybody needs.
    #[error("too many execs")]
    TooManyExecs,
    /// The program of an exec cannot be run.
    #[error("{message}")]
    Exec {
        /// Docker's sentence.
        message: String,
        /// 127 not found, 126 everything else.
        exit_code: i32,
    },
    /// A signal for a container that does not run.
    #[error("cannot kill container: {name}: container {id} is not running")]
    KillNotRunning {
        /// The name the client used.
        name: String,
        /// The container.
        id: String,
    },
    /// Removal without force of a running container.
    #[error(
        "cannot remove container \"/{name}\": container is {status}: stop the container before removing or force remove"
    )]
    RemoveRunning {
        /// The container's name.
        name: String,
        /// Its status.
        status: crate::Status,
    },
    /// Removal without force of a paused container.
    #[error("cannot remove container \"/{0}\": container is paused and must be unpaused first")]
    RemovePaused(String),
    /// A second prune at the same time.
    #[error("a prune operation is already running")]
    Pruning,
    /// A link that every container has: its name.
    #[error("Conflict, cannot remove the default link name of the container")]
    DefaultLink,
    /// It is being removed.
    #[error("container {0} is marked for removal and cannot be started")]
    Removing(String),
    /// A second removal at the same time.
    #[error("removal of container {0} is already in progress")]
    RemovalInProgress(String),
    /// The container whose network, ipc or pid namespace is to be shared does not run.
    #[error("cannot join {what} of a non running container: {id}")]
    JoinNotRunning {
        /// `network namespace`, `IPC namespace`, …
        what: &'static str,
        /// The container named.
        id: String,
    },
    /// The process could not be started.
    #[error("failed to create task for container: {message}")]
    Start {
        /// What the runtime says, in runc's words.
        message: String,
        /// 127 not found, 126 not executable, 128 everything else.
        exit_code: i32,
    },
    /// It outlives SIGKILL.
    #[error("container {0} did not end within the time after SIGKILL: its process is stuck in the kernel")]
    Stuck(String),
    /// Logs of a container whose driver keeps none.
    #[error("configured logging driver does not support reading")]
    LogsUnreadable,
    /// A path in a container that leads to nothing.
    #[error("Could not find the file {path} in container {container}")]
    NoSuchFile {
        /// The path.
        path: String,
        /// The container's name.
        container: String,
    },
    /// Copying to where nothing may be changed.
    #[error("{0} is marked read-only")]
    ReadOnly(&'static str),
    /// Files of a container cannot be read or written.
    #[error("files of the container: {0}")]
    Files(String),
    /// A container cannot be frozen into files here.
    #[error("checkpoints are not available: {0}")]
    Checkpoint(String),
    /// A checkpoint was tried and did not come about.
    #[error("the checkpoint could not be made: {0}")]
    CheckpointFailed(String),
    /// The container cannot be frozen now.
    #[error("{0}")]
    CheckpointConflict(String),
    /// There is a checkpoint of that name.
    #[error("checkpoint with name {name} already exists for container {container}")]
    CheckpointExists {
        /// Its name.
        name: String,
        /// The container's name.
        container: String,
    },
    /// There is none.
    #[error("checkpoint {name} does not exist for container {container}")]
    NoSuchCheckpoint {
        /// Its name.
        name: String,
        /// The container's name.
        container: String,
    },
    /// No name for a checkpoint.
    #[error("Invalid checkpoint ID ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    CheckpointName(String),
    /// Nobody knows where it would be.
    #[error("the checkpoint directory {0:?} is not absolute")]
    CheckpointDir(String),
    /// The name of a log driver's server leads nowhere.
    #[error(
        "failed to create task for container: failed to initialize logging driver: dial {address}: {reason}"
    )]
    LogServer {
        /// Name and port.
        address: String,
        /// Why not.
        reason: String,
    },
    /// About a volume.
    #[error(transparent)]
    Volume(#[from] crate::volume::Error),
    /// The image room's answer.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// A network of the name of one that is always there.
    #[error("operation is not permitted on predefined {0} network")]
    PredefinedNetwork(String),
    /// A container that is gone has no place to be forced off.
    #[error("endpoint {0} not found")]
    NoSuchEndpoint(String),
    /// The network room's answer.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A file or directory of the engine's own.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// How it failed.
        source: std::io::Error,
    },
    /// A shim that lives and does not answer: stopped, or starved.
    #[error("the shim of container {0} does not answer in time")]
    ShimSilent(String),
    /// The container's shim does not answer, or not in its language.
    #[error("the shim of container {id} failed: {reason}")]
    Shim {
        /// The container.
        id: String,
        /// How.
        reason: String,
    },
    /// The metadata store.
    #[error("the container metadata cannot be {action}: {reason}")]
    Store {
        /// `opened`, `read` or `written`.
        action: &'static str,
        /// What the store says.
        reason: String,
    },
    /// The engine is ending.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// The machine cannot run containers.
    #[error("this machine cannot run containers: {0}")]
    Machine(String),
    /// Processes of a container whose shim is gone.
    #[error("cgroup {} cannot be removed: {reason}", path.display())]
    Cgroup {
        /// The cgroup, beneath its hierarchies.
        path: PathBuf,
        /// What the runtime says.
        reason: String,
    },
    /// Too many clients wait for its start.
    #[error("too many clients are attached to container {0}, which does not run")]
    TooManyAttached(String),
    /// What Docker has and this engine has not yet.
    #[error("{0} is not implemented yet")]
    NotImplemented(&'static str),
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 404
    NotFound,
    /// 409
    Conflict,
    /// 400
    Invalid,
    /// 304
    NotModified,
    /// 403
    Forbidden,
    /// 503
    Unavailable,
    /// 501
    NotImplemented,
    /// 500
    Internal,
    /// 500: disk, addresses or ports are used up.
    Exhausted,
}

impl Error {
    /// The class of this error, for the mapping to status codes.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NoSuchContainer(_) | Error::NoSuchExec(_) | Error::NoSuchFile { .. } => ErrorKind::NotFound,
            Error::Rename(reason) => reason.kind(),
            Error::NoExecCommand | Error::Exec { .. } => ErrorKind::Invalid,
            Error::TooManyExecs => ErrorKind::Exhausted,
            Error::AlreadyRunning(_) | Error::AlreadyStopped(_) => ErrorKind::NotModified,
            Error::WithoutFiles(_)
            | Error::NameInUse { .. }
            | Error::NotRunning(_)
            | Error::AlreadyPaused(_)
            | Error::AttachPaused(_)
            | Error::Pruning
            | Error::DefaultLink
            | Error::RemovePaused(_)
            | Error::Update { .. }
            | Error::StartPaused
            | Error::RestartingNow(_)
            | Error::ExecPaused(_)
            | Error::ExecRunning(_)
            | Error::ExecHasRun(_)
            | Error::ExecNotRunning(_)
            | Error::KillNotRunning { .. }
            | Error::RemoveRunning { .. }
            | Error::Removing(_)
            | Error::RemovalInProgress(_)
            | Error::TooManyAttached(_)
            | Error::CheckpointExists { .. }
            | Error::CheckpointConflict(_)
            | Error::JoinNotRunning { .. } => ErrorKind::Conflict,
            Error::Invalid(Invalid::NotImplemented(_)) | Error::NotImplemented(_) | Error::Checkpoint(_) => {
                ErrorKind::NotImplemented
            }
            Error::CheckpointName(_) | Error::CheckpointDir(_) | Error::FileOwner(_) => ErrorKind::Invalid,
            Error::NoSuchCheckpoint { .. } => ErrorKind::NotFound,
            Error::NoLimit(_) | Error::AmbiguousPrefix(_) | Error::Invalid(_) => ErrorKind::Invalid,
            // Docker answers 400 when the program is missing or not executable, 500 when the machine refused.
            Error::Start { exit_code: 126 | 127, .. } => ErrorKind::Invalid,
            Error::Start { .. }
            | Error::CheckpointFailed(_)
            | Error::Stuck(_)
            | Error::Shim { .. }
            | Error::ShimSilent(_)
            | Error::Store { .. }
            | Error::Cgroup { .. }
            // Docker's code, though a conflict would say more.
            | Error::NotPaused(_)
            | Error::Machine(_) => ErrorKind::Internal,
            Error::Volume(error) => error.kind(),
            Error::ReadOnly(_) | Error::PredefinedNetwork(_) => ErrorKind::Forbidden,
            Error::NoSuchEndpoint(_) => ErrorKind::NotFound,
            Error::Files(_) | Error::Memory(_) => ErrorKind::Internal,
            Error::Image(error) => image_kind(error.kind()),
            Error::Network(error) => network_kind(error.kind()),
            Error::Io { source, .. } if is_full(source) => ErrorKind::Exhausted,
            Error::Io { .. } => ErrorKind::Internal,
            Error::ShuttingDown => ErrorKind::Unavailable,
            // Docker answers 500 where the log driver cannot be read.
            Error::LogsUnreadable | Error::LogServer { .. } => ErrorKind::Internal,
        }
    }

    /// For `map_err`: an [`Error::Files`].
    pub(crate) fn files(error: std::io::Error) -> Error {
        Error::Files(error.to_string())
    }

    /// For `map_err`: an [`Error::Io`] that says what was tried on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { action, path: path.into(), source }
    }
}

fn image_kind(kind: image::ErrorKind) -> ErrorKind {
    match kind {
        image::ErrorKind::NotFound => ErrorKind::NotFound,
        image::ErrorKind::Conflict => ErrorKind::Conflict,
        image::ErrorKind::Invalid => ErrorKind::Invalid,
        image::ErrorKind::Unavailable => ErrorKind::Unavailable,
        image::ErrorKind::Forbidden => ErrorKind::Forbidden,
        image::ErrorKind::Exhausted => ErrorKind::Exhausted,
        image::ErrorKind::Internal => ErrorKind::Internal,
    }
}

fn network_kind(kind: network::ErrorKind) -> ErrorKind {
    match kind {
        network::ErrorKind::NotFound => ErrorKind::NotFound,
        network::ErrorKind::Conflict => ErrorKind::Conflict,
        network::ErrorKind::Invalid => ErrorKind::Invalid,
        network::ErrorKind::Exhausted => ErrorKind::Exhausted,
        network::ErrorKind::Unavailable => ErrorKind::Unavailable,
        network::ErrorKind::Forbidden => ErrorKind::Forbidden,
        network::ErrorKind::NotImplemented => ErrorKind::NotImplemented,
        network::ErrorKind::Internal => ErrorKind::Internal,
    }
}

/// The system's word for an error, in small letters and without its number: `no such file or directory`.
pub(crate) fn plain(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
