//! One task on the engine: the calls of [`Controller`] as calls on the container's handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use engine::{Containers, HealthStatus, Record, Status, StopOptions, StopTimeout, WaitCondition, WaitResult};
use image::{Images, RegistryAuth};
use swarm_api::{naming, pb};
use tokio::sync::{mpsc, watch};
use worker::executor::Observed;
use worker::{Controller, ExecutorError, Exit};

use super::Description;
use super::network::SwarmNetworks;
use super::spec::Defaults;
use super::{error, label, mount, port, spec};

/// Docker's words for a container whose health check fails.
const UNHEALTHY: &str = "unhealthy container";

pub(super) struct TaskController {
    task: pb::Task,
    containers: Containers,
    images: Images,
    description: Arc<Description>,
    networks: SwarmNetworks,
    defaults: Arc<Defaults>,
    /// What takes long, for a person.
    doing: watch::Sender<String>,
    /// A container that was told to stop before its start must not start after it.
    stopped: AtomicBool,
}

impl TaskController {
    pub(super) fn new(
        task: pb::Task,
        containers: Containers,
        images: Images,
        description: Arc<Description>,
        networks: SwarmNetworks,
        defaults: Arc<Defaults>,
    ) -> Self {
        Self {
            task,
            containers,
            images,
            description,
            networks,
            defaults,
            doing: watch::channel(String::new()).0,
            stopped: AtomicBool::new(false),
        }
    }

    /// By its name, which is the task's own; by the label too, since a user may have taken the name.
    fn container(&self) -> Option<Arc<Record>> {
        let record = self.containers.inspect(&naming::task(&self.task)).ok()?;
        (label::task_id(&record) == Some(&self.task.id)).then_some(record)
    }

    /// The container, which must exist.
    fn existing(&self) -> Result<Arc<Record>, ExecutorError> {
        self.container().ok_or_else(|| ExecutorError::Failed {
            message: "the task's container is gone".to_owned(),
            exit_code: None,
        })
    }

    /// Fetches the image unless it is here. What is here is used as it is: a node starts its tasks without
    /// any registry.
    async fn fetch(&self, reference: &str, auth: Option<&RegistryAuth>) -> Result<(), ExecutorError> {
        if self.images.get(reference).await.is_ok() {
            return Ok(());
        }
        // Nobody watches: the work goes on when the receiver is gone.
        let (progress, _) = mpsc::channel(1);
        self.doing.send_replace(format!("pulling {reference}"));
        match self.images.pull(reference, None, auth.cloned(), progress).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(task = %self.task.id, image = reference, %error, "cannot fetch image");
                Err(error::of_pull(&error))
            }
        }
    }
}

#[async_trait]
impl Controller for TaskController {
    fn doing(&self) -> watch::Receiver<String> {
        self.doing.subscribe()
    }

    async fn prepare(&self, credentials: Option<&pb::RegistryCredentials>) -> Result<(), ExecutorError> {
        if self.container().is_some() {
            return Ok(());
        }
        let spec = spec::container(&self.task, &self.description, &self.defaults)
            .map_err(|message| ExecutorError::Rejected { message })?;
        let auth = credentials.map_or(Ok(None), |credentials| rest::registry_auth(&credentials.header));
        let auth = auth.map_err(|message| ExecutorError::Rejected { message })?;
        self.fetch(&spec.image, auth.as_ref()).await?;
        self.networks.ensure(&self.task).await?;
        for mounted in spec.host.mounts.iter().filter_map(mount::image) {
            self.fetch(mounted, auth.as_ref()).await?;
        }
        match self.containers.create(spec).await {
            Ok(_) => Ok(()),
            // An earlier call was dropped half-way and finished after all: the name is the task's own.
            Err(engine::Error::NameInUse { .. }) if self.container().is_some() => Ok(()),
            Err(error) => Err(error::of_create(&error)),
        }
    }

    async fn start(&self, files: &[worker::MemoryFile]) -> Result<(), ExecutorError> {
        let record = self.existing()?;
        if self.stopped.load(Ordering::Relaxed) {
            return Err(ExecutorError::Failed {
                message: "the task was stopped before it started".to_owned(),
                exit_code: None,
            });
        }
        if record.state.status != Status::Created {
            return Ok(());
        }
        // Nobody needed them for a moment, perhaps.
        self.networks.ensure(&self.task).await?;
        match self.containers.start_with(&record.id, files.iter().map(file).collect()).await {
            Ok(()) | Err(engine::Error::AlreadyRunning(_)) => Ok(()),
            Err(error) => Err(error::of_start(&error)),
        }
    }

    async fn healthy(&self) -> Result<(), ExecutorError> {
        let record = self.existing()?;
        if is_up(&record) && health(&record) == Some(HealthStatus::Starting) {
            self.doing.send_replace("waiting until the container is healthy".to_owned());
        }
        let settled = |record: &Record| !is_up(record) || health(record) != Some(HealthStatus::Starting);
        if self.until(&record, settled).await && self.is_unhealthy() {
            self.stop(&record, None).await?;
            let message = UNHEALTHY.to_owned();
            let exit_code = self.container().map(|record| record.state.exit_code);
            return Err(ExecutorError::Failed { message, exit_code });
        }
        Ok(())
    }

    async fn status(&self) -> Result<Observed, ExecutorError> {
        let Some(record) = self.container() else { return Ok(Observed::default()) };
        let container = pb::ContainerStatus {
            container_id: record.id.clone(),
            pid: i32::try_from(record.state.pid).unwrap_or_default(),
            exit_code: record.state.exit_code,
        };
        Ok(Observed { container, ports: port::bound(&self.task, &record) })
    }

    async fn wait(&self) -> Result<Exit, ExecutorError> {
        let record = self.existing()?;
        let ended = self
            .containers
            .wait(&record.id, WaitCondition::NotRunning)
            .map_err(|error| error::of_start(&error))?;
        tokio::pin!(ended);
        let unhealthy = |record: &Record| is_up(record) && health(record) == Some(HealthStatus::Unhealthy);
        tokio::select! {
            biased;
            ended = &mut ended => return Ok(self.exit(ended)),
            true = self.until(&record, unhealthy) => {}
        }
        self.stop(&record, None).await?;
        Ok(Exit { reason: UNHEALTHY.to_owned(), ..self.exit(ended.await) })
    }

    async fn shutdown(&self, grace: Duration) -> Result<(), ExecutorError> {
        self.stopped.store(true, Ordering::Relaxed);
        let Some(record) = self.container() else { return Ok(()) };
        self.stop(&record, Some(StopTimeout::After(grace))).await
    }
}

impl TaskController {
    /// Waits for a state of the container; false if it was removed before.
    async fn until(&self, record: &Record, holds: impl Fn(&Record) -> bool) -> bool {
        let Ok(mut records) = self.containers.follow(&record.id) else { return false };
        records.wait_for(|record| holds(record)).await.is_ok()
    }

    fn is_unhealthy(&self) -> bool {
        self.container()
            .is_some_and(|record| health(&record) == Some(HealthStatus::Unhealthy) && is_up(&record))
    }

    fn exit(&self, ended: WaitResult) -> Exit {
        let out_of_memory = self.container().is_some_and(|record| record.state.oom_killed);
        let reason = if out_of_memory { "out of memory".to_owned() } else { ended.error };
        Exit { code: ended.code, reason }
    }

    /// Stops it, by default with its own patience.
    async fn stop(&self, record: &Record, timeout: Option<StopTimeout>) -> Result<(), ExecutorError> {
        let options = StopOptions { signal: None, timeout };
        match self.containers.stop(&record.id, options).await {
            Ok(()) | Err(engine::Error::AlreadyStopped(_) | engine::Error::NoSuchContainer(_)) => Ok(()),
            Err(error) => Err(error::later(&error)),
        }
    }
}

fn file(file: &worker::MemoryFile) -> engine::MemoryFile {
    let worker::MemoryFile { target, data, uid, gid, mode } = file.clone();
    engine::MemoryFile { target: target.into(), data, uid, gid, mode }
}

fn is_up(record: &Record) -> bool {
    record.state.pid != 0
}

fn health(record: &Record) -> Option<HealthStatus> {
    record.state.health.as_ref().map(|report| report.status)
}
