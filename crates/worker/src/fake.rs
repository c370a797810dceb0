//! An executor without containers, for tests: what "runs" is an entry in a table, which a test can read
//! and change. It outlives agents, as containers outlive a daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use swarm_api::pb;
use tokio::sync::watch;

use crate::executor::{Controller, Executor, ExecutorError, Exit, LogLines, Observed};
use crate::stock::MemoryFile;

/// Images of this name cannot be pulled.
pub const MISSING_IMAGE: &str = "missing";
/// Containers of this image cannot be started.
pub const BROKEN_IMAGE: &str = "broken";
/// Containers of this image end with code 0 at once.
pub const DONE_IMAGE: &str = "done";
/// Containers of this image end with code 1 at once.
pub const CRASH_IMAGE: &str = "crash";
/// Containers of this image cannot be prepared yet, for ever.
pub const LATER_IMAGE: &str = "later";

/// How a fake container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FakeState {
    /// Prepared.
    Created,
    /// Started.
    Running,
    /// Ended with this code.
    Exited(i32),
}

/// The fake. All clones are one node.
#[derive(Clone)]
pub struct FakeExecutor {
    shared: Arc<Shared>,
}

struct Shared {
    description: pb::NodeDescription,
    latency: Duration,
    /// Never held across an await.
    table: Mutex<Table>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Table {
    containers: BTreeMap<String, Container>,
    ingress: Vec<pb::IngressPort>,
    /// When tasks that had been backends were seen to be none.
    left: BTreeMap<String, Instant>,
    /// When tasks were told to stop.
    stopped: BTreeMap<String, Instant>,
    /// The load balancer does not answer.
    is_stuck: bool,
    starts: u64,
    /// What tasks were started with.
    files: BTreeMap<String, Vec<MemoryFile>>,
    /// What their images were asked for with.
    credentials: BTreeMap<String, Option<pb::RegistryCredentials>>,
    next: u64,
}

#[derive(Clone)]
struct Container {
    number: u64,
    image: String,
    state: FakeState,
}

impl FakeExecutor {
    /// A node of this host name, with four processors and 8 GiB.
    pub fn new(hostname: &str) -> Self {
        let description = pb::NodeDescription {
            hostname: hostname.to_owned(),
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            nano_cpus: 4_000_000_000,
            memory_bytes: 8 << 30,
            engine_version: "fake".to_owned(),
            ..Default::default()
        };
        FakeExecutor::with(description, Duration::ZERO)
    }

    /// A node that describes itself so, and whose every operation takes `latency`.
    pub fn with(description: pb::NodeDescription, latency: Duration) -> Self {
        let (changed, _) = watch::channel(0);
        let table = Mutex::new(Table::default());
        FakeExecutor { shared: Arc::new(Shared { description, latency, table, changed }) }
    }

    /// The containers by task id.
    pub fn containers(&self) -> BTreeMap<String, FakeState> {
        self.table(|table| {
            table.containers.iter().map(|(id, container)| (id.clone(), container.state)).collect()
        })
    }

    /// How many containers run.
    pub fn running(&self) -> usize {
        self.containers().values().filter(|state| **state == FakeState::Running).count()
    }

    /// How many containers were ever started.
    pub fn starts(&self) -> u64 {
        self.table(|table| table.starts)
    }

    /// The files that the task was started with; none: it was not.
    pub fn files(&self, task_id: &str) -> Option<Vec<MemoryFile>> {
        self.table(|table| table.files.get(task_id).cloned())
    }

    /// What the task's image was asked for with, header by header.
    pub fn credentials(&self, task_id: &str) -> Option<String> {
        self.table(|table| Some(table.credentials.get(task_id)?.as_ref()?.header.clone()))
    }

    /// The ingress ports as last set.
    pub fn ingress(&self) -> Vec<pb::IngressPort> {
        self.table(|table| table.ingress.clone())
    }

    /// How long after it had left the load balancer the task was told to stop. `None`: it was not told, or had not left.
    pub fn drained(&self, task_id: &str) -> Option<Duration> {
        self.table(|table| {
            let (left, stopped) = (table.left.get(task_id)?, table.stopped.get(task_id)?);
            stopped.checked_duration_since(*left)
        })
    }

    /// From now on the load balancer takes no orders, or does so again.
    pub fn set_stuck(&self, is_stuck: bool) {
        self.table(|table| table.is_stuck = is_stuck);
    }

    /// Ends the task's container with `code`, as its process would. Whether it ran.
    pub fn exit(&self, task_id: &str, code: i32) -> bool {
        self.change(task_id, FakeState::Running, FakeState::Exited(code))
    }

    /// Adds a container that no agent made.
    pub fn plant(&self, task_id: &str) {
        self.table(|table| table.insert(task_id, "planted"));
    }

    fn table<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        // A test that panicked elsewhere must not hide its message behind this lock.
        work(&mut self.shared.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, task_id: &str, from: FakeState, to: FakeState) -> bool {
        let changed = self.table(|table| match table.containers.get_mut(task_id) {
            Some(container) if container.state == from => {
                container.state = to;
                true
            }
            _ => false,
        });
        self.shared.changed.send_modify(|generation| *generation += 1);
        changed
    }

    async fn work(&self) {
        if !self.shared.latency.is_zero() {
            tokio::time::sleep(self.shared.latency).await;
        }
    }
}

impl Table {
    fn insert(&mut self, task_id: &str, image: &str) {
        self.next += 1;
        let container = Container { number: self.next, image: image.to_owned(), state: FakeState::Created };
        self.containers.entry(task_id.to_owned()).or_insert(container);
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    async fn describe(&self) -> Result<pb::NodeDescription, ExecutorError> {
        Ok(self.shared.description.clone())
    }

    async fn controller(&self, task: &pb::Task) -> Result<Arc<dyn Controller>, ExecutorError> {
        let spec = task.spec.as_ref().and_then(|spec| spec.container.clone()).unwrap_or_default();
        let controller =
            FakeController { executor: self.clone(), task_id: task.id.clone(), image: spec.image };
        Ok(Arc::new(controller))
    }

    async fn list(&self) -> Result<Vec<String>, ExecutorError> {
        Ok(self.table(|table| table.containers.keys().cloned().collect()))
    }

    async fn remove(&self, task_id: &str) -> Result<(), ExecutorError> {
        self.work().await;
        self.table(|table| {
            table.containers.remove(task_id);
            table.files.remove(task_id);
            table.credentials.remove(task_id);
        });
        self.shared.changed.send_modify(|generation| *generation += 1);
        Ok(())
    }

    async fn logs(&self, task_id: &str, options: &pb::LogOptions) -> Result<LogLines, ExecutorError> {
        // All that a container says is its image's name.
        let container = self.table(|table| table.containers.get(task_id).cloned());
        let line = container.map(|container| pb::LogLine {
            stderr: false,
            text: format!("{}\n", container.image).into_bytes(),
        });
        let said = stream::iter(line.map(Ok));
        if !options.follow {
            return Ok(Box::pin(said));
        }
        let (this, task_id) = (self.clone(), task_id.to_owned());
        let ended = async move {
            let mut changed = this.shared.changed.subscribe();
            while this.containers().get(&task_id) == Some(&FakeState::Running) {
                // The sender lives in `this`.
                let _ = changed.changed().await;
            }
        };
        Ok(Box::pin(said.chain(stream::once(ended).filter_map(|()| std::future::ready(None)))))
    }

    async fn set_ingress(&self, ports: Vec<pb::IngressPort>) -> Result<(), ExecutorError> {
        self.table(|table| {
            if table.is_stuck {
                return Err(ExecutorError::Unavailable { message: "the load balancer is stuck".to_owned() });
            }
            let before: BTreeSet<String> = backends(&table.ingress);
            let now = backends(&ports);
            table.left.extend(before.difference(&now).map(|id| (id.clone(), Instant::now())));
            table.ingress = ports;
            Ok(())
        })
    }
}

fn backends(ports: &[pb::IngressPort]) -> BTreeSet<String> {
    ports.iter().flat_map(|port| port.task_ids.iter().cloned()).collect()
}

struct FakeController {
    executor: FakeExecutor,
    task_id: String,
    image: String,
}

impl FakeController {
    fn container(&self) -> Option<Container> {
        self.executor.table(|table| table.containers.get(&self.task_id).cloned())
    }
}

#[async_trait]
impl Controller for FakeController {
    async fn prepare(&self, credentials: Option<&pb::RegistryCredentials>) -> Result<(), ExecutorError> {
        self.executor.work().await;
        match self.image.as_str() {
            MISSING_IMAGE => {
                Err(ExecutorError::Rejected { message: format!("No such image: {MISSING_IMAGE}:latest") })
            }
            LATER_IMAGE => {
                Err(ExecutorError::Unavailable { message: "the registry does not answer".to_owned() })
            }
            image => {
                self.executor.table(|table| {
                    table.insert(&self.task_id, image);
                    table.credentials.insert(self.task_id.clone(), credentials.cloned());
                });
                Ok(())
            }
        }
    }

    async fn start(&self, files: &[MemoryFile]) -> Result<(), ExecutorError> {
        self.executor.work().await;
        let Some(container) = self.container() else {
            return Err(ExecutorError::Failed { message: "no container".to_owned(), exit_code: None });
        };
        let state = match container.image.as_str() {
            BROKEN_IMAGE => {
                let message = "exec: \"nosuch\": executable file not found in $PATH".to_owned();
                return Err(ExecutorError::Failed { message, exit_code: Some(127) });
            }
            DONE_IMAGE => FakeState::Exited(0),
            CRASH_IMAGE => FakeState::Exited(1),
            _ => FakeState::Running,
        };
        if self.executor.change(&self.task_id, FakeState::Created, state) {
            self.executor.table(|table| {
                table.starts += 1;
                table.files.insert(self.task_id.clone(), files.to_vec());
            });
        }
        Ok(())
    }

    async fn status(&self) -> Result<Observed, ExecutorError> {
        let Some(container) = self.container() else { return Ok(Observed::default()) };
        let (pid, exit_code) = match container.state {
            FakeState::Created => (0, 0),
            FakeState::Running => (i32::try_from(container.number).unwrap_or(i32::MAX), 0),
            FakeState::Exited(code) => (0, code),
        };
        let container_id = format!("fake{:060x}", container.number);
        Ok(Observed { container: pb::ContainerStatus { container_id, pid, exit_code }, ports: Vec::new() })
    }

    async fn wait(&self) -> Result<Exit, ExecutorError> {
        let mut changed = self.executor.shared.changed.subscribe();
        loop {
            changed.borrow_and_update();
            match self.container().map(|container| container.state) {
                None => {
                    return Err(ExecutorError::Failed {
                        message: "no container".to_owned(),
                        exit_code: None,
                    });
                }
                Some(FakeState::Exited(code)) => return Ok(Exit { code, reason: String::new() }),
                Some(FakeState::Created | FakeState::Running) => {}
            }
            // The sender lives in `self.executor`.
            let _ = changed.changed().await;
        }
    }

    async fn shutdown(&self, _grace: Duration) -> Result<(), ExecutorError> {
        self.executor.table(|table| {
            table.stopped.entry(self.task_id.clone()).or_insert_with(Instant::now);
        });
        self.executor.work().await;
        let stopped = self.executor.change(&self.task_id, FakeState::Running, FakeState::Exited(143));
        if !stopped {
            self.executor.change(&self.task_id, FakeState::Created, FakeState::Exited(0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_fake_conforms() {
        let task = |id: &str, image: &str| pb::Task {
            id: id.to_owned(),
            spec: Some(pb::TaskSpec {
                container: Some(pb::ContainerSpec { image: image.to_owned(), ..Default::default() }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let cases = crate::conformance::Cases {
            lasting: Box::new(move |id| task(id, "web")),
            ending: Box::new(move |id| task(id, CRASH_IMAGE)),
            ending_code: 1,
            impossible: Box::new(move |id| task(id, MISSING_IMAGE)),
            unstartable: Box::new(move |id| task(id, BROKEN_IMAGE)),
        };
        crate::conformance::run(&FakeExecutor::new("fake"), &cases).await;
    }
}
