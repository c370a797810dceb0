//! The edge between a worker and whatever runs its containers: [`Executor`] and [`Controller`].
//!
//! Two implement it: the daemon on the real engine, and [`crate::fake::FakeExecutor`]. Both must pass
//! [`crate::conformance::run`]. The contract every method obeys:
//!
//! - **Idempotent.** A daemon may die between any call and the record of its success, and its successor
//!   calls again. "Already so" is success.
//! - **Cancel-safe.** The future may be dropped at any await. What was begun may finish or not, and a later
//!   call of any method must cope with either.
//! - **Bounded.** Each method but [`Controller::prepare`] (pulls an image), [`Controller::healthy`] (as long as the
//!   health check takes) and [`Controller::wait`] (the container's life) ends within seconds, `shutdown` within its grace and seconds.
//! - **One caller.** The worker never makes two calls at once on the controller of one task.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::Stream;
use swarm_api::pb;
use tokio::sync::watch;

use crate::stock::MemoryFile;

/// Lines of a container, as they come.
pub type LogLines = Pin<Box<dyn Stream<Item = Result<pb::LogLine, ExecutorError>> + Send>>;

/// Makes controllers, and answers for the node as a whole.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// What the node says of itself; asked when a session opens.
    async fn describe(&self) -> Result<pb::NodeDescription, ExecutorError>;

    /// The controller of this task. Finds the container the task already has, if it has one, by the task's
    /// id, running or not, and changes nothing about it.
    async fn controller(&self, task: &pb::Task) -> Result<Arc<dyn Controller>, ExecutorError>;

    /// The ids of the tasks that have a container on this node, in any state.
    async fn list(&self) -> Result<Vec<String>, ExecutorError>;

    /// Kills and removes the container of a task, and all that belongs to it alone. Absent is success. Never
    /// called while a call on the task's controller is under way.
    async fn remove(&self, task_id: &str) -> Result<(), ExecutorError>;

    /// What the task's container has written, and, if `options` say so, writes until it ends. Nothing where there is no
    /// container. Reads from where the log is kept: who does not poll holds up nothing.
    async fn logs(&self, task_id: &str, options: &pb::LogOptions) -> Result<LogLines, ExecutorError>;

    /// Makes the node's ingress ports exactly these: the whole desired state, each time. `task_ids` are
    /// running tasks of this node; one whose container is gone meanwhile is passed over.
    async fn set_ingress(&self, ports: Vec<pb::IngressPort>) -> Result<(), ExecutorError>;
}

/// Drives the one container of one task. A container is started at most once in its life.
#[async_trait]
pub trait Controller: Send + Sync {
    /// What it does at the moment that the task's state does not tell, for a person (`pulling busybox`); empty: nothing.
    fn doing(&self) -> watch::Receiver<String> {
        watch::channel(String::new()).1
    }

    /// Pulls the image if it is missing, with these credentials, and creates the container.
    /// `Rejected` if the task can never run on this node as it is specified.
    async fn prepare(&self, credentials: Option<&pb::RegistryCredentials>) -> Result<(), ExecutorError>;

    /// Starts the prepared container with these files, which are kept in memory for as long as it runs and nowhere else.
    /// Success too if it runs already or has run and ended: `wait` tells.
    async fn start(&self, files: &[MemoryFile]) -> Result<(), ExecutorError>;

    /// Waits until the started container is healthy; answers at once if nobody checks that, or it has ended: `wait` tells.
    /// `Failed` if it becomes unhealthy; it is stopped then.
    async fn healthy(&self) -> Result<(), ExecutorError> {
        Ok(())
    }

    /// The container as it is: its id, its pid (0 unless running), its exit code, and the host ports that
    /// are bound for it. `Default` values where there is no container.
    async fn status(&self) -> Result<Observed, ExecutorError>;

    /// Waits until the started container has ended; answers at once if it has. One that becomes unhealthy is
    /// stopped. `Failed` if there is no container.
    async fn wait(&self) -> Result<Exit, ExecutorError>;

    /// Sends the stop signal (the spec's, else the image's, else SIGTERM), and SIGKILL after `grace`;
    /// returns when the container has ended. Success if it is not running or absent. A container that was
    /// never started will not start after it.
    async fn shutdown(&self, grace: Duration) -> Result<(), ExecutorError>;
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// 128 + n for a signal n.
    pub code: i32,
    /// Why, in words, where the code alone does not tell (`out of memory`, `unhealthy container`); else empty.
    /// With a reason it is a failure whatever the code.
    pub reason: String,
}

/// A container as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// As it goes into the task's status.
    pub container: pb::ContainerStatus,
    /// Host-mode ports, with the numbers that were bound.
    pub ports: Vec<pb::PortConfig>,
}

/// Why the executor could not do it. The messages reach the user in the task's status: Docker's wording.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ExecutorError {
    /// The task cannot run here as specified (no such image, a mount source that is missing).
    #[error("{message}")]
    Rejected {
        /// A sentence for a person.
        message: String,
    },
    /// The container failed (command not found, container gone).
    #[error("{message}")]
    Failed {
        /// A sentence for a person.
        message: String,
        /// The exit code where one is defined (126, 127).
        exit_code: Option<i32>,
    },
    /// Not now: the worker calls again after a while.
    #[error("{message}")]
    Unavailable {
        /// A sentence for a person.
        message: String,
    },
}
