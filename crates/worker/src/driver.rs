//! One task's driver: asks [`step`] for the next move, makes it, says the new status, and asks again.
//!
//! In: the task, the status known for it, the goal as it changes. Out: calls on the executor for this one
//! task, and statuses. Every operation gives way when the goal turns to stop. The driver ends when the
//! container is removed; when it is dropped (the daemon ends) the container is left as it is.

mod again;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use swarm_api::pb::{self, TaskState};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tracing::Instrument;

use crate::backoff::Backoff;
use crate::clock::now_ns;
use crate::executor::{Controller, Executor, ExecutorError, Exit};
use crate::journal::Journal;
use crate::solitude::Solitude;
use crate::step::{Goal, Move, is_terminal, step};
use crate::stock::{Lack, MemoryFile, Stock};

/// Images pulled and containers created at once.
const PARALLEL_PREPARES: usize = 16;
/// Containers started at once: more only makes them wait for each other in the kernel.
const PARALLEL_STARTS: usize = 8;
/// Waits between tries of an operation the executor cannot do now.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_CAP: Duration = Duration::from_secs(5);
/// Tries to prepare or start before the task is given up (and replaced, perhaps elsewhere).
const TRIES: u32 = 8;
/// Grace between the stop signal and SIGKILL where the spec is silent.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// How much longer than its grace a stop may take before it is tried again.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// A task's newest status, on its way to the managers.
#[derive(Clone, Debug)]
pub(crate) struct StatusUpdate {
    pub(crate) task_id: String,
    pub(crate) status: pb::TaskStatus,
}

/// What all drivers of a node share.
pub(crate) struct Shared {
    executor: Arc<dyn Executor>,
    statuses: mpsc::Sender<StatusUpdate>,
    journal: Journal,
    solitude: Solitude,
    stock: watch::Receiver<Stock>,
    prepares: Semaphore,
    starts: Semaphore,
}

impl Shared {
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        statuses: mpsc::Sender<StatusUpdate>,
        journal: Journal,
        solitude: Solitude,
        stock: watch::Receiver<Stock>,
    ) -> Arc<Shared> {
        Arc::new(Shared {
            executor,
            statuses,
            journal,
            solitude,
            stock,
            prepares: Semaphore::new(PARALLEL_PREPARES),
            starts: Semaphore::new(PARALLEL_STARTS),
        })
    }
}

/// A task, and where its driver begins.
pub(crate) struct Begin {
    pub(crate) task: pb::Task,
    pub(crate) status: pb::TaskStatus,
    /// When it was run again without a manager, in nanoseconds since the epoch.
    pub(crate) attempts: Vec<i64>,
}

/// Drives a task until its container is removed.
pub(crate) async fn drive(shared: Arc<Shared>, begin: Begin, goal: watch::Receiver<Goal>) -> String {
    let Begin { task, status, attempts } = begin;
    let span = tracing::info_span!("task", id = %task.id, service = %task.service_name, slot = task.slot);
    let backoff = Backoff::new(RETRY_FIRST, RETRY_CAP);
    let driver = Driver {
        shared,
        task,
        status,
        goal,
        controller: None,
        backoff,
        ended_at: Instant::now(),
        ended_ns: now_ns(),
        attempts: attempts.into(),
    };
    driver.run().instrument(span).await
}

struct Driver {
    shared: Arc<Shared>,
    task: pb::Task,
    status: pb::TaskStatus,
    goal: watch::Receiver<Goal>,
    controller: Option<Arc<dyn Controller>>,
    backoff: Backoff,
    /// When the task was last seen to end; for one that ended in an earlier life of the daemon, when it was taken up.
    ended_at: Instant,
    /// The same by the clock that outlives the daemon.
    ended_ns: i64,
    /// When this node ran the task again by itself, oldest first, as far as its policy asks; in nanoseconds since the epoch, since
    /// that outlives the daemon.
    attempts: VecDeque<i64>,
}

impl Driver {
    async fn run(mut self) -> String {
        loop {
            let goal = *self.goal.borrow_and_update();
            match step(self.status.state(), goal) {
                Move::Accept => self.enter(TaskState::Accepted, "accepted").await,
                Move::BeginPrepare => self.enter(TaskState::Preparing, "preparing").await,
                Move::Prepare => self.prepare().await,
                Move::Hold => changed(&mut self.goal).await,
                Move::Rest => self.rest(goal).await,
                Move::BeginStart => self.enter(TaskState::Starting, "starting").await,
                Move::Start => self.start().await,
                Move::Watch => self.watch().await,
                Move::Stop => self.stop().await,
                Move::Remove => {
                    if self.remove().await {
                        return self.task.id;
                    }
                }
            }
        }
    }

    async fn prepare(&mut self) {
        let shared = Arc::clone(&self.shared);
        let credentials = shared.stock.borrow().credentials(&self.task).cloned();
        let result = match self.controller().await {
            Ok(controller) => {
                let work = async {
                    let _permit = shared.prepares.acquire().await;
                    controller.prepare(credentials.as_ref()).await
                };
                self.telling(controller.doing(), work).await
            }
            Err(error) => Some(Err(error)),
        };
        match result {
            Some(Ok(())) => self.enter(TaskState::Ready, "prepared").await,
            Some(Err(error)) => self.retry_or_fail(error).await,
            None => {}
        }
    }

    async fn start(&mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(files) = self.files().await else { return };
        let result = match self.controller().await {
            Ok(controller) => {
                let work = async {
                    {
                        let _permit = shared.starts.acquire().await;
                        controller.start(&files).await?;
                    }
                    controller.healthy().await?;
                    controller.status().await
                };
                self.telling(controller.doing(), work).await
            }
            Err(error) => Some(Err(error)),
        };
        match result {
            Some(Ok(observed)) => {
                self.status.container = Some(observed.container);
                self.status.ports = observed.ports;
                self.enter(TaskState::Running, "started").await;
            }
            Some(Err(error)) => self.retry_or_fail(error).await,
            None => {}
        }
    }

    /// The task's files. None after a wait for what was not here, or for another goal: then there is another step to take.
    async fn files(&mut self) -> Option<Vec<MemoryFile>> {
        let node = match self.shared.executor.describe().await {
            Ok(node) => node,
            Err(error) => {
                self.retry_or_fail(error).await;
                return None;
            }
        };
        let mut stock = self.shared.stock.clone();
        let files = stock.borrow_and_update().files(&self.task, &node);
        match files {
            Ok(files) => return Some(files),
            Err(Lack::Wrong(message)) => self.fail(ExecutorError::Rejected { message }).await,
            Err(lack @ Lack::Absent { .. }) => {
                let message = lack.to_string();
                if self.status.err != message {
                    self.status.err = message;
                    self.publish().await;
                }
                tokio::select! {
                    // The agent's loop goes only when the agent ends, and this driver with it.
                    _ = stock.changed() => {}
                    () = changed(&mut self.goal) => {}
                }
            }
        }
        None
    }

    async fn watch(&mut self) {
        let result = match self.controller().await {
            Ok(controller) => unless_stopped(&mut self.goal, controller.wait()).await,
            Err(error) => Some(Err(error)),
        };
        match result {
            Some(Ok(exit)) => self.ended(exit).await,
            // The container may well run: only what is known to be over is given up.
            Some(Err(ExecutorError::Unavailable { message })) => self.pause(&message).await,
            Some(Err(error)) => self.fail(error).await,
            None => {}
        }
    }

    async fn stop(&mut self) {
        let grace = self.grace();
        let result = match self.controller().await {
            Ok(controller) => {
                match tokio::time::timeout(grace + STOP_MARGIN, controller.shutdown(grace)).await {
                    Ok(Ok(())) => controller.status().await,
                    Ok(Err(error)) => Err(error),
                    Err(_) => {
                        Err(ExecutorError::Unavailable { message: "the container does not stop".to_owned() })
                    }
                }
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(observed) => {
                if !observed.container.container_id.is_empty() {
                    self.status.container = Some(pb::ContainerStatus { pid: 0, ..observed.container });
                }
                self.status.ports = Vec::new();
                self.enter(TaskState::Shutdown, "shutdown").await;
            }
            Err(ExecutorError::Unavailable { message }) => self.pause(&message).await,
            // It cannot be stopped as a task of this spec, so it goes as a container.
            Err(ExecutorError::Rejected { message } | ExecutorError::Failed { message, .. }) => {
                match self.shared.executor.remove(&self.task.id).await {
                    Ok(()) => self.enter(TaskState::Shutdown, "shutdown").await,
                    Err(_) => self.pause(&message).await,
                }
            }
        }
    }

    async fn remove(&mut self) -> bool {
        match self.shared.executor.remove(&self.task.id).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "container of a removed task stays for now");
                tokio::time::sleep(self.backoff.next_delay()).await;
                false
            }
        }
    }

    async fn ended(&mut self, exit: Exit) {
        let container = self.status.container.get_or_insert_default();
        container.pid = 0;
        container.exit_code = exit.code;
        self.status.ports = Vec::new();
        if exit.code == 0 && exit.reason.is_empty() {
            self.ended_at = Instant::now();
            self.ended_ns = now_ns();
            return self.enter(TaskState::Complete, "finished").await;
        }
        // swarmkit's words, which clients show in `service ps`.
        let mut message = format!("task: non-zero exit ({})", exit.code);
        if !exit.reason.is_empty() {
            message = format!("{message}: {}", exit.reason);
        }
        self.end(TaskState::Failed, message).await;
    }

    /// `work`, unless the goal turns to stop first; what the controller does meanwhile goes into the status.
    async fn telling<T>(
        &mut self,
        mut doing: watch::Receiver<String>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(unless_stopped(&mut self.goal, work));
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                text = news(&mut doing) => {
                    // In the same state since the same time: only the words are new.
                    self.status.message = text;
                    self.status.err.clear();
                    let update = StatusUpdate { task_id: self.task.id.clone(), status: self.status.clone() };
                    let _ = self.shared.statuses.send(update).await;
                }
            }
        }
    }

    async fn retry_or_fail(&mut self, error: ExecutorError) {
        match error {
            ExecutorError::Unavailable { message } if self.backoff.failures() < TRIES => {
                self.pause(&message).await
            }
            error => self.fail(error).await,
        }
    }

    async fn fail(&mut self, error: ExecutorError) {
        match error {
            ExecutorError::Rejected { message } => self.end(TaskState::Rejected, message).await,
            ExecutorError::Unavailable { message } => self.end(TaskState::Failed, message).await,
            ExecutorError::Failed { message, exit_code } => {
                let container = self.status.container.get_or_insert_default();
                container.pid = 0;
                container.exit_code = exit_code.unwrap_or(container.exit_code);
                self.end(TaskState::Failed, message).await;
            }
        }
    }

    /// Says why nothing moves, then waits a while, or until the goal changes.
    async fn pause(&mut self, message: &str) {
        if self.status.err != message {
            message.clone_into(&mut self.status.err);
            self.publish().await;
        }
        let delay = self.backoff.next_delay();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = changed(&mut self.goal) => {}
        }
    }

    async fn enter(&mut self, state: TaskState, message: &str) {
        self.status.set_state(state);
        self.status.message = match self.status.attempt {
            0 => message.to_owned(),
            attempt => format!("{message} (restart {attempt} without a manager)"),
        };
        self.status.err.clear();
        self.backoff.reset();
        self.publish().await;
    }

    /// A bad end keeps the message of the state it happened in, as swarmkit does.
    async fn end(&mut self, state: TaskState, error: String) {
        debug_assert!(is_terminal(state));
        self.ended_at = Instant::now();
        self.ended_ns = now_ns();
        self.status.set_state(state);
        self.status.err = error;
        self.publish().await;
    }

    async fn publish(&mut self) {
        self.status.timestamp_ns = now_ns();
        let update = StatusUpdate { task_id: self.task.id.clone(), status: self.status.clone() };
        // The receiver goes only when the agent ends, and this driver with it.
        let _ = self.shared.statuses.send(update).await;
    }

    async fn controller(&mut self) -> Result<Arc<dyn Controller>, ExecutorError> {
        if let Some(controller) = &self.controller {
            return Ok(Arc::clone(controller));
        }
        let controller = self.shared.executor.controller(&self.task).await?;
        self.controller = Some(Arc::clone(&controller));
        Ok(controller)
    }

    fn grace(&self) -> Duration {
        let container = self.task.spec.as_ref().and_then(|spec| spec.container.as_ref());
        let grace_ns = container.and_then(|container| container.stop_grace_period_ns);
        grace_ns.map_or(DEFAULT_GRACE, |ns| Duration::from_nanos(ns.try_into().unwrap_or(0)))
    }
}

/// Waits for the next goal; for ever once nobody can change it.
async fn changed(goal: &mut watch::Receiver<Goal>) {
    if goal.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The next that the controller says it does; for ever once it says nothing more.
async fn news(doing: &mut watch::Receiver<String>) -> String {
    loop {
        if doing.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let text = doing.borrow_and_update().clone();
        if !text.is_empty() {
            return text;
        }
    }
}

/// `work`, unless the goal turns to stop first.
async fn unless_stopped<T>(goal: &mut watch::Receiver<Goal>, work: impl Future<Output = T>) -> Option<T> {
    let stop = async {
        if goal.wait_for(|goal| goal.is_stop()).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        result = work => Some(result),
        () = stop => None,
    }
}
